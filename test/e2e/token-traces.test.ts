import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { GetQueueUrlCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { chargeIdOf } from '#gateway/idempotency/charge-key';
import { TraceReceiver } from '#local-cloud/trace-receiver';
import { ApiClient, chargeBody, newKey } from '../support/api-client.ts';
import { eventually } from '../support/eventually.ts';
import { KmsEndpoint, TEST_KEY_ARN } from '../support/kms-endpoint.ts';
import { pspRecords } from '../support/psp-records.ts';
import { startStack, TENANT, type Stack } from '../support/stack.ts';
import { TEST_CREDENTIALS, TEST_REGION } from '../support/test-aws.ts';
import type { TestCloud } from '../support/test-cloud.ts';

/** One of each end that a charge can come to, and one that is still open. */
const PAYMENT_METHODS = {
  settled: 'pm_card_mastercard_prepaid',
  declined: 'pm_card_chargeDeclinedInsufficientFunds',
  voided: 'pm_sim_partial_approval',
  open: 'pm_sim_hang_after_charge',
};

/** Where a token could be, and what stands there that shows that it is looked into. The sweeper names no charge. */
const PLACES = [
  ['answers', 'charge id'],
  ['checkpoints', 'key'],
  ['ledger', 'charge id'],
  ['postgres', 'key'],
  ['queues', 'charge id'],
  ['logs', 'charge id'],
  ['traces', 'charge id'],
  ['sweeper logs', 'word sweeping'],
] as const;

const AWS = { region: TEST_REGION, credentials: TEST_CREDENTIALS };

describe('a payment method token', () => {
  let stack: Stack;
  let receiver: TraceReceiver;
  let output = '';
  let sweeperOutput = '';
  const left = new Map<string, string>();
  const keys = Object.fromEntries(Object.keys(PAYMENT_METHODS).map((name) => [name, newKey()]));
  const chargeIds = Object.values(keys).map((idempotencyKey) =>
    chargeIdOf({ tenantId: TENANT.tenantId, idempotencyKey }),
  );

  beforeAll(async () => {
    [stack, receiver] = await Promise.all([startStack(), TraceReceiver.start(0)]);
    stack.startSweeper({ LOG_LEVEL: 'trace' }, (text) => (sweeperOutput += text));
    const task = await stack.startGateway({
      environment: {
        ...{ LOG_LEVEL: 'trace', TRACE_SAMPLE_RATIO: '1' },
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      },
      onOutput: (text) => (output += text),
    });
    const client = new ApiClient({ url: task.url, apiKey: TENANT.apiKey });
    const answers: string[] = [];
    for (const [name, paymentMethod] of Object.entries(PAYMENT_METHODS)) {
      const sent = client.charge(keys[name] ?? '', chargeBody(paymentMethod));
      if (name !== 'open') answers.push(JSON.stringify(await sent));
      else sent.catch(() => undefined);
    }
    // Another payload, an unknown field and a body that is no JSON, with the token in each.
    const token = PAYMENT_METHODS.settled;
    answers.push(JSON.stringify(await client.charge(keys.settled ?? '', chargeBody(token, 5))));
    answers.push(JSON.stringify(await client.charge(newKey(), { ...chargeBody(token), extra: token })));
    await eventually('the open charge is with the PSP', async () =>
      (await stack.ledgerStates(chargeIds[3] ?? '')).includes('RESERVED'),
    );
    left.set('answers', answers.join('\n'));
    // The open one has no event yet.
    await collect(stack, left, chargeIds.slice(0, 3));
    left.set('logs', output);
    await eventually('the sweeper sweeps', () => sweeperOutput.includes('sweeping'));
    left.set('sweeper logs', sweeperOutput);
    const spans = await eventually('the spans of a charge arrive', () => {
      const found = chargeIds.slice(0, 3).map((chargeId) => receiver.spansOf(chargeId));
      return found.every((ofOne) => ofOne.length > 0) && found;
    });
    left.set('traces', JSON.stringify(spans));
  });
  afterAll(async () => {
    await stack.stop();
    await receiver.stop();
  });

  it.each(PLACES)('is not in the %s, in which the %s stands', (place, shown) => {
    const text = left.get(place) ?? '';
    const marks = { 'charge id': chargeIds[0], key: keys.settled, 'word sweeping': 'sweeping' };
    expect(text).toContain(marks[shown]);
    for (const token of Object.values(PAYMENT_METHODS)) expect(text).not.toContain(token);
  });

  it('is sealed in the checkpoint of the charge that is still open', () => {
    expect(left.get('checkpoints')).toContain('"sealed"');
  });

  it('goes nowhere while the key service is away: 503, and nothing is written until it is back', async () => {
    const kms = await KmsEndpoint.start();
    kms.failure = { status: 500, name: 'KMSInternalException' };
    const task = await stack.startGateway({
      environment: {
        ...{ TOKEN_SEALING_KEYS: undefined, TOKEN_KEY_ARN: TEST_KEY_ARN, AWS_ENDPOINT_URL_KMS: kms.url },
      },
    });
    try {
      const client = new ApiClient({ url: task.url, apiKey: TENANT.apiKey });
      const idempotencyKey = newKey();
      const chargeId = chargeIdOf({ tenantId: TENANT.tenantId, idempotencyKey });
      const refused = await client.charge(idempotencyKey, chargeBody('pm_card_visa'));
      expect(refused.status).toBe(503);
      expect(await stack.ledgerStates(chargeId)).toEqual([]);
      expect(await pspRecords(stack.cloud.pspSimulatorUrl)).not.toContainEqual(
        expect.objectContaining({ metadata: expect.objectContaining({ charge_once_key: idempotencyKey }) }),
      );
      kms.failure = undefined;
      expect(await client.charge(idempotencyKey, chargeBody('pm_card_visa'))).toMatchObject({ status: 201 });
    } finally {
      await task.stop();
      await kms.stop();
    }
  });
});

/**
 * Everything that stands anywhere, as text.
 *
 * @param endedChargeIds whose events are waited for
 */
async function collect(
  stack: Stack,
  left: Map<string, string>,
  endedChargeIds: readonly string[],
): Promise<void> {
  const { cloud } = stack;
  const { names } = cloud.resources;
  const dynamodb = new DynamoDBClient({ ...AWS, endpoint: cloud.dynamodbEndpoint });
  const scan = async (TableName: string): Promise<string> => {
    const { Items = [] } = await dynamodb.send(new ScanCommand({ TableName, ConsistentRead: true }));
    // Bytes as text as well: what is not sealed would show.
    return Items.map((item) => JSON.stringify(item, (_, value: unknown) => shown(value))).join('\n');
  };
  left.set('checkpoints', await scan(names.checkpointsTable));
  left.set('ledger', await scan(names.ledgerTable));
  dynamodb.destroy();
  const tables = await stack.query("select tablename from pg_tables where schemaname = 'public'");
  const rows = await Promise.all(
    [...new Set(tables.map(({ tablename }) => String(tablename)))].map((table) =>
      stack.query(`select row_to_json(t)::text as row from "${table}" t`),
    ),
  );
  left.set('postgres', JSON.stringify(rows));
  left.set('queues', await messagesOf(cloud, endedChargeIds));
}

/** What is on every queue, dead letters as well, once the events of the charges have arrived. */
async function messagesOf(cloud: TestCloud, chargeIds: readonly string[]): Promise<string> {
  const sqs = new SQSClient({ ...AWS, endpoint: cloud.sqsEndpoint });
  const messages: string[] = [];
  const receiveAll = async () => {
    for (const { name: QueueName } of cloud.resources.queues) {
      const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName }));
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }),
      );
      messages.push(...Messages.map((message) => JSON.stringify(message)));
    }
    const text = messages.join('\n');
    return chargeIds.every((chargeId) => text.includes(chargeId)) ? text : undefined;
  };
  try {
    return await eventually('the events of the charges arrive', receiveAll, 60_000);
  } finally {
    sqs.destroy();
  }
}

function shown(value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value;
}
