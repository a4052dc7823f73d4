import { DynamoDBClient, GetItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { chargeIdOf } from '#gateway/idempotency/charge-key';
import { findFreePort } from '#local-cloud/free-port';

import { SimulatorProcess } from '../psp-simulator/simulator-process.ts';
import { ApiClient, chargeBody, newKey } from '../support/api-client.ts';
import { eventually } from '../support/eventually.ts';
import { BRAINTREE_TENANT, startStack, TENANT, type GatewayProcess, type Stack } from '../support/stack.ts';
import { TEST_CREDENTIALS, TEST_REGION } from '../support/test-aws.ts';

type Tenant = typeof TENANT | typeof BRAINTREE_TENANT;

const SETTLED = ['RESERVED', 'SETTLED'];

/** A gateway that gets the simulator's webhooks, and no sweeper: what a dead run left is found by webhook, or never. */
describe('charges whose PSP tells of them by webhook', () => {
  let stack: Stack;
  let psp: SimulatorProcess;
  let gateway: GatewayProcess;
  let dynamodb: DynamoDBClient;

  beforeAll(async () => {
    stack = await startStack();
    const port = await findFreePort();
    psp = await SimulatorProcess.start({
      WEBHOOK_URL: `http://127.0.0.1:${port}/v1/webhooks/stripe`,
      WEBHOOK_SECRET: 'whsec_local',
      WEBHOOK_LATE_MS: '1500',
      BRAINTREE_WEBHOOK_URL: `http://127.0.0.1:${port}/v1/webhooks/braintree`,
    });
    gateway = await stack.startGateway({ environment: { PORT: String(port), ...pspsAt(psp) } });
    dynamodb = new DynamoDBClient({
      endpoint: stack.cloud.dynamodbEndpoint,
      region: TEST_REGION,
      credentials: TEST_CREDENTIALS,
    });
  });
  afterAll(async () => {
    dynamodb.destroy();
    await psp.kill();
    await stack.stop();
  });

  const clientOf = ({ url }: GatewayProcess, { apiKey }: Tenant = TENANT) => new ApiClient({ url, apiKey });
  const idOf = (key: string, { tenantId }: Tenant = TENANT) => chargeIdOf({ tenantId, idempotencyKey: key });
  const statesOf = (key: string, tenant: Tenant = TENANT) => stack.ledgerStates(idOf(key, tenant));
  const intentsOf = (key: string) => psp.paymentIntents(`metadata.charge_once_charge_id=${idOf(key)}`);
  const queueIsEmpty = () =>
    eventually('every webhook taken', async () => {
      const { pending } = (await psp.control('GET', '/_control/webhooks')) as { pending: number };
      return pending === 0;
    });
  /** Of all charges of this file. */
  const outcomes = async (): Promise<string[]> => {
    const { webhookEventsTable } = stack.cloud.resources.names;
    const { Items = [] } = await dynamodb.send(new ScanCommand({ TableName: webhookEventsTable }));
    return Items.map(({ outcome, kind }) => outcome?.S ?? kind?.S ?? '');
  };

  it('settles the charge of a task that was killed after the PSP had charged', async () => {
    const doomed = await stack.startGateway({
      crashAt: 'after psp:charge',
      environment: pspsAt(psp),
    });
    const key = newKey();
    await expect(clientOf(doomed).charge(key, chargeBody())).rejects.toThrow();
    expect(await doomed.ended).toBe('SIGKILL');
    await eventually('the charge is settled', async () => (await statesOf(key)).length === 2, 30_000);
    expect(await statesOf(key)).toEqual(SETTLED);
    expect((await intentsOf(key)).map(({ netCharged }) => netCharged)).toEqual([1_999]);
    expect((await clientOf(gateway).charge(key, chargeBody())).status).toBe(201);
  });

  it("settles such a charge of Braintree's when that tells of its settlement", async () => {
    const doomed = await stack.startGateway({ crashAt: 'after psp:charge', environment: pspsAt(psp) });
    const key = newKey();
    const body = chargeBody('bt_token_card_visa');
    await expect(clientOf(doomed, BRAINTREE_TENANT).charge(key, body)).rejects.toThrow();
    expect(await doomed.ended).toBe('SIGKILL');
    expect(await statesOf(key, BRAINTREE_TENANT)).toEqual(['RESERVED']);

    await psp.control('POST', '/_control/braintree_settlement');
    const isSettled = async () => (await statesOf(key, BRAINTREE_TENANT)).length === 2;
    await eventually('the charge is settled', isSettled, 60_000);
    expect(await statesOf(key, BRAINTREE_TENANT)).toEqual(SETTLED);
    expect(await psp.control('GET', '/_control/braintree_transactions')).toMatchObject([
      { type: 'sale', status: 'settled', amount: '19.99', currency: 'USD' },
    ]);
    expect((await clientOf(gateway, BRAINTREE_TENANT).charge(key, body)).status).toBe(201);
    expect(await outcomes()).not.toContain('finding');
  }, 90_000);

  it('answers 201 where the event comes before the answer to the call, and charges once', async () => {
    const key = newKey();
    const answer = await clientOf(gateway).charge(key, chargeBody('pm_sim_webhook_before_answer'));
    expect(answer.status).toBe(201);
    expect(await statesOf(key)).toEqual(SETTLED);
    expect((await intentsOf(key)).map(({ netCharged }) => netCharged)).toEqual([1_999]);
  });

  it.each(['pm_sim_webhook_twice', 'pm_sim_webhook_late'])('finds nothing wrong with %s', async (method) => {
    const key = newKey();
    expect((await clientOf(gateway).charge(key, chargeBody(method))).status).toBe(201);
    await queueIsEmpty();
    expect(await statesOf(key)).toEqual(SETTLED);
  });

  it('finds nothing wrong with the late success of what it has voided itself', async () => {
    await psp.control('PUT', '/_control/webhooks', { mode: 'reordered' });
    const key = newKey();
    const answer = await clientOf(gateway).chargeUntilTerminal(key, chargeBody('pm_sim_partial_approval'));
    expect(answer.status).toBe(402);
    await queueIsEmpty();
    await psp.control('PUT', '/_control/webhooks', { mode: 'normal' });
    expect(await statesOf(key)).toEqual(['RESERVED', 'VOIDING', 'VOIDED']);
    expect(await outcomes()).not.toContain('finding');
  });

  it('records that somebody refunded what is settled, and leaves the ledger as it is', async () => {
    const key = newKey();
    expect((await clientOf(gateway).charge(key, chargeBody())).status).toBe(201);
    const [intent] = await intentsOf(key);
    const refund = await fetch(`${psp.url}/v1/refunds`, {
      method: 'POST',
      headers: { Authorization: 'Bearer sk_test_dashboard' },
      body: new URLSearchParams({ payment_intent: intent?.id ?? '' }),
    });
    expect(refund.status).toBe(200);
    await queueIsEmpty();
    expect(await outcomes()).toEqual(expect.arrayContaining(['finding', 'contradicts_ledger']));
    const today = new Date().toISOString().slice(0, 10);
    const { Item } = await dynamodb.send(
      new GetItemCommand({
        TableName: stack.cloud.resources.names.webhookEventsTable,
        Key: { id: { S: `findings#${TEST_REGION}#${today}` } },
      }),
    );
    expect(Item?.ids?.SS).toHaveLength(1);
    expect(await statesOf(key)).toEqual(SETTLED);
  });
});

function pspsAt({ url }: SimulatorProcess): Record<string, string> {
  return {
    PSP_ACCOUNTS: 'stripe/default,braintree/default',
    ...{ STRIPE_API_BASE: url, BRAINTREE_API_BASE: url },
  };
}
