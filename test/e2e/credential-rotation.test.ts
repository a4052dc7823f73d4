import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import Stripe from 'stripe';

import { chargeIdOf } from '#gateway/idempotency/charge-key';

import { SimulatorProcess } from '../psp-simulator/simulator-process.ts';
import { ApiClient, chargeBody, newKey } from '../support/api-client.ts';
import { contradictions, readLedger, type ClientAnswer } from '../support/charge-audit.ts';
import { eventually } from '../support/eventually.ts';
import { pspRecords } from '../support/psp-records.ts';
import { PspSecret, testSecretsManager } from '../support/psp-secret.ts';
import { startStack, TENANT, type GatewayProcess, type Stack } from '../support/stack.ts';
import { TEST_CREDENTIALS, TEST_REGION } from '../support/test-aws.ts';

const CLIENTS = 4;
/** Enough charges before, during and after each step. */
const CHARGES_A_STEP = 12;
/** No task reads a secret by itself while the test runs: what makes it read is the PSP's 401. */
const REFRESH_MS = '3600000';
const keys = (version: number) => ({
  secretKey: `sk_test_rotation_${version}`,
  webhookSecret: `whsec_rotation_${version}`,
});

/** Two tasks under load, whose key at the PSP is replaced and revoked, as an operator does it in a hurry. */
describe('a rotation of the key of a PSP under load', () => {
  let stack: Stack;
  let psp: SimulatorProcess;
  let client: SecretsManagerClient;
  let dynamodb: DynamoDBClient;
  let secret: PspSecret;
  let tasks: GatewayProcess[];

  beforeAll(async () => {
    [stack, psp] = await Promise.all([
      startStack(),
      SimulatorProcess.start({ SECRET_KEYS: keys(1).secretKey, SLOW_MS: '100' }),
    ]);
    client = testSecretsManager(stack.cloud.secretsManagerEndpoint);
    const { name: prefix } = new PspSecret(client);
    secret = new PspSecret(client, `${prefix}/stripe/default`);
    await secret.create(keys(1));
    const environment = {
      ...{ STRIPE_API_BASE: psp.url, PSP_SECRET_PREFIX: prefix, PSP_CREDENTIALS_REFRESH_MS: REFRESH_MS },
      ...{ PSP_TIMEOUT_MS: '4000', LEASE_MS: '15000', LOG_LEVEL: 'silent' },
    };
    tasks = await Promise.all([stack.startGateway({ environment }), stack.startGateway({ environment })]);
    stack.startSweeper();
    dynamodb = new DynamoDBClient({
      ...{ endpoint: stack.cloud.dynamodbEndpoint, region: TEST_REGION, credentials: TEST_CREDENTIALS },
    });
  }, 240_000);
  afterAll(async () => {
    await Promise.all([psp.kill(), stack.stop()]);
    client.destroy();
    dynamodb.destroy();
  }, 60_000);

  const clientOf = (task: GatewayProcess | undefined) =>
    new ApiClient({ url: task?.url ?? '', apiKey: TENANT.apiKey });
  const charge = (task: GatewayProcess | undefined, key: string) => clientOf(task).charge(key, chargeBody());

  async function chargeToTheEnd(
    task: GatewayProcess | undefined,
    key: string,
    paymentMethod = 'pm_card_visa',
  ): Promise<ClientAnswer> {
    const body = chargeBody(paymentMethod);
    const { status, text } = await clientOf(task).chargeUntilTerminal(key, body, 120_000);
    return { tenantId: TENANT.tenantId, key, status, text };
  }

  async function webhookStatus(webhookSecret: string): Promise<number> {
    const payload = JSON.stringify({
      ...{ id: 'evt_rotation', object: 'event', type: 'charge.refunded', created: 1, api_version: '' },
      data: { object: { object: 'charge', payment_intent: null, metadata: {} } },
    });
    const signature = Stripe.webhooks.generateTestHeaderString({ payload, secret: webhookSecret });
    const response = await fetch(`${tasks[0]?.url ?? ''}/v1/webhooks/stripe`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Stripe-Signature': signature },
      body: payload,
    });
    await response.text();
    return response.status;
  }

  it('loses no charge, doubles none and declines none', async () => {
    const answers: ClientAnswer[] = [];
    let stop = false;
    const run = async (index: number): Promise<void> => {
      for (let i = 0; !stop; i += 1) {
        const paymentMethod = i % 3 === 0 ? 'pm_sim_slow' : 'pm_card_visa';
        answers.push(await chargeToTheEnd(tasks[(index + i) % tasks.length], newKey(), paymentMethod));
      }
    };
    const load = Array.from({ length: CLIENTS }, (_, index) => run(index));
    const more = async (what: string): Promise<void> => {
      const goal = answers.length + CHARGES_A_STEP;
      await Promise.race([
        eventually(`charges ${what}`, () => answers.length >= goal, 120_000),
        // The load ends before it is stopped only where a charge has no end.
        Promise.all(load),
      ]);
    };
    try {
      await more('before the rotation');
      await psp.control('POST', '/_control/restore', { secretKey: keys(2).secretKey });
      await secret.put(keys(2));
      await more('with both keys valid');
      await psp.control('POST', '/_control/revoke', { secretKey: keys(1).secretKey });
      await more('after the old key is revoked');
      // And in the wrong order: for a while no key is valid, and charges wait.
      await psp.control('POST', '/_control/revoke', { secretKey: keys(2).secretKey });
      const waiting = newKey();
      const probe = await charge(tasks[0], waiting);
      expect([202, 503]).toContain(probe.status);
      await psp.control('POST', '/_control/restore', { secretKey: keys(3).secretKey });
      await secret.put(keys(3));
      await more('after the charges that waited');
      answers.push(await chargeToTheEnd(tasks[1], waiting));
    } finally {
      stop = true;
    }
    await Promise.all(load);

    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    const ledger = await readLedger(dynamodb, stack.cloud.resources.names.ledgerTable);
    expect(contradictions(answers, ledger, await pspRecords(psp.url))).toEqual([]);
    const chargeIds = answers.map(({ tenantId, key }) => chargeIdOf({ tenantId, idempotencyKey: key }));
    expect([...ledger.keys()].toSorted()).toEqual(chargeIds.toSorted());
  }, 240_000);

  it('takes webhooks that either version signed, and no others', async () => {
    expect(await webhookStatus(keys(2).webhookSecret)).toBe(200);
    expect(await webhookStatus(keys(3).webhookSecret)).toBe(200);
    expect(await webhookStatus(keys(1).webhookSecret)).toBe(400);
  });
});
