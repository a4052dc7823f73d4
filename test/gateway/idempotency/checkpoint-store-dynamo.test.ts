import { GetItemCommand, PutItemCommand, type AttributeValue } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

import { chargeIdOf, type ChargeKey } from '#gateway/idempotency/charge-key';
import { keyAttributes } from '#gateway/idempotency/dynamo-checkpoint-item';
import { DynamoCheckpointStore } from '#gateway/idempotency/dynamo-checkpoint-store';
import { DynamoLedger } from '#gateway/ledger/dynamo-ledger';
import { DynamoRequests } from '#gateway/platform/dynamo-requests';
import { SystemRandom } from '#gateway/platform/system-random';
import { FaultyProxy } from '#test/support/faulty-proxy';
import { ShiftedClock } from '#test/support/shifted-clock';
import { testDynamodb } from '#test/support/test-aws';
import { testCloud } from '#test/support/test-cloud';
import { createTestTables, type TestTables } from '#test/support/test-tables';

import { entriesOf } from '../ledger/sample-entries.ts';
import { testSealing } from '#test/support/test-sealing';
import {
  aHolder,
  aKey,
  aLaunch,
  checkpointStoreContract,
  PSP_PENDING,
  RETENTION_SECONDS,
  SETTLED,
} from './checkpoint-store.contract.ts';

function storesOn(tables: TestTables, client: TestTables['client']) {
  const clock = new ShiftedClock();
  const requests = new DynamoRequests({ client, clock, random: new SystemRandom() });
  const checkpoints = new DynamoCheckpointStore({
    requests,
    checkpointsTable: tables.checkpoints,
    ledgerTable: tables.ledger,
    clock,
    ...testSealing(),
  });
  return { clock, checkpoints, ledger: new DynamoLedger(requests, tables.ledger) };
}

checkpointStoreContract('DynamoCheckpointStore', async () => {
  const tables = await createTestTables();
  const { clock, checkpoints, ledger } = storesOn(tables, tables.client);
  return { checkpoints, ledger, elapse: (byMs) => clock.shift(byMs), close: () => tables.drop() };
});

describe('DynamoCheckpointStore', () => {
  let tables: TestTables;
  let proxy: FaultyProxy;
  let client: TestTables['client'];
  let stores: ReturnType<typeof storesOn>;
  let key: ChargeKey;
  beforeAll(async () => {
    tables = await createTestTables();
    proxy = await FaultyProxy.before(testCloud().dynamodbEndpoint);
    client = testDynamodb({ endpoint: proxy.url });
    stores = storesOn(tables, client);
  });
  afterAll(async () => {
    client.destroy();
    await proxy.close();
    await tables.drop();
  });
  beforeEach(() => {
    key = aKey();
    proxy.requests.length = 0;
  });

  const operations = () => proxy.requests.map(({ operation }) => operation);
  async function itemOf(): Promise<Record<string, AttributeValue>> {
    const command = new GetItemCommand({ TableName: tables.checkpoints, Key: keyAttributes(key) });
    return (await tables.client.send(command)).Item ?? {};
  }
  const dynamoError = (type: string, extra: object = {}, status = 400) => ({
    status,
    headers: { 'content-type': 'application/x-amz-json-1.0' },
    body: JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${type}`, message: type, ...extra }),
  });
  const settling = (holder = aHolder(5)) =>
    ({
      from: 'VALIDATED',
      to: SETTLED,
      entry: entriesOf(key, holder.epoch).settled(),
      retentionSeconds: RETENTION_SECONDS,
    }) as const;

  describe('requests', () => {
    it('costs one request for each of read, launch, advance and fence', async () => {
      const { checkpoints } = stores;
      const holder = aHolder(5);
      await checkpoints.read(key);
      await checkpoints.launch(key, holder, aLaunch());
      await checkpoints.advance(key, holder, { from: 'VALIDATED', to: PSP_PENDING });
      await checkpoints.advance(key, holder, { ...settling(), from: 'PSP_PENDING' });
      await checkpoints.fence(aKey(), holder, RETENTION_SECONDS);
      expect(operations()).toEqual(['GetItem', 'UpdateItem', 'UpdateItem', 'TransactWriteItems', 'PutItem']);
      expect(JSON.parse(proxy.requests[0]?.body ?? '{}')).toMatchObject({ ConsistentRead: true });
    });

    it('costs one request where it is refused', async () => {
      const { checkpoints } = stores;
      await checkpoints.launch(key, aHolder(5), aLaunch());
      proxy.requests.length = 0;
      await checkpoints.launch(key, aHolder(4), aLaunch());
      await checkpoints.advance(key, aHolder(4), settling());
      expect(operations()).toEqual(['UpdateItem', 'TransactWriteItems']);
    });

    it('keeps names in the table that the contract knows, and no payment method of an ended charge', async () => {
      const { checkpoints } = stores;
      const holder = aHolder(5);
      await checkpoints.launch(key, holder, aLaunch());
      const names = [
        'charge',
        'epoch',
        'fingerprint',
        'payment_method',
        'run_id',
        'step',
        'tenant_id',
        'uuid',
      ];
      expect(Object.keys(await itemOf()).sort()).toEqual(names);
      await checkpoints.advance(key, holder, settling());
      const ended = names.filter((name) => name !== 'payment_method');
      const terminal = [...ended, 'expires_at', 'response_body', 'response_status'].sort();
      expect(Object.keys(await itemOf()).sort()).toEqual(terminal);
      expect(JSON.stringify(await itemOf())).not.toContain('token-of-the-card');
    });
  });

  describe('when an answer is lost', () => {
    it('launches, and tells what the lost answer would have told', async () => {
      const holder = aHolder(5);
      proxy.dropResponses();
      const result = await stores.checkpoints.launch(key, holder, aLaunch());
      expect(result).toEqual({
        kind: 'launched',
        record: { key, ...holder, ...aLaunch(), checkpoint: { step: 'VALIDATED' } },
      });
      expect(operations()).toEqual(['UpdateItem', 'UpdateItem']);
    });

    it('advances without an entry, once', async () => {
      const holder = aHolder(5);
      await stores.checkpoints.launch(key, holder, aLaunch());
      proxy.dropResponses();
      const advance = { from: 'VALIDATED', to: PSP_PENDING } as const;
      expect(await stores.checkpoints.advance(key, holder, advance)).toEqual({ kind: 'advanced' });
    });

    it('advances with an entry, once', async () => {
      const holder = aHolder(5);
      await stores.checkpoints.launch(key, holder, aLaunch());
      proxy.requests.length = 0;
      proxy.dropResponses(2);
      expect(await stores.checkpoints.advance(key, holder, settling())).toEqual({ kind: 'advanced' });
      expect(operations()).toEqual(['TransactWriteItems', 'TransactWriteItems', 'TransactWriteItems']);
      expect(await stores.ledger.read(chargeIdOf(key))).toEqual([settling().entry]);
    });

    it('fences, once', async () => {
      proxy.dropResponses();
      expect(await stores.checkpoints.fence(key, aHolder(5), RETENTION_SECONDS)).toEqual({ kind: 'done' });
    });

    it('says that it does not know when all of them are', async () => {
      proxy.dropResponses(5);
      await expect(stores.checkpoints.launch(key, aHolder(5), aLaunch())).rejects.toMatchObject({
        name: 'StoreUnavailableError',
        store: 'checkpoints',
        applied: 'unknown',
      });
      expect(operations()).toHaveLength(5);
      expect(await stores.checkpoints.read(key)).toMatchObject({ kind: 'present' });
    });

    it('does not know it either when only the first attempt may have been applied', async () => {
      proxy.dropResponses(1);
      proxy.answer(dynamoError('ThrottlingException'), 4);
      await expect(stores.checkpoints.launch(key, aHolder(5), aLaunch())).rejects.toMatchObject({
        applied: 'unknown',
      });
    });

    it('counts a request that timed out as one that may be applied, and repeats it', async () => {
      const impatient = testDynamodb({ endpoint: proxy.url, requestTimeoutMs: 1_000 });
      try {
        const { checkpoints } = storesOn(tables, impatient);
        proxy.delay(2_000);
        expect(await checkpoints.launch(key, aHolder(5), aLaunch())).toMatchObject({ kind: 'launched' });
        expect(operations()).toEqual(['UpdateItem', 'UpdateItem']);
      } finally {
        impatient.destroy();
      }
    });
  });

  describe('when nothing was applied', () => {
    it('knows it of a refused connection', async () => {
      // Without a connection from before: one that breaks may have carried the request.
      const unconnected = testDynamodb({ endpoint: proxy.url });
      await proxy.refuse();
      try {
        const { checkpoints } = storesOn(tables, unconnected);
        await expect(checkpoints.launch(key, aHolder(5), aLaunch())).rejects.toMatchObject({ applied: 'no' });
      } finally {
        await proxy.accept();
        unconnected.destroy();
      }
      expect(await stores.checkpoints.read(key)).toEqual({ kind: 'absent', epoch: 0 });
    });

    it.each([
      'ThrottlingException',
      'ProvisionedThroughputExceededException',
      'TransactionConflictException',
    ])('repeats after %s, and knows it when that does not end', async (type) => {
      proxy.answer(dynamoError(type));
      expect(await stores.checkpoints.launch(key, aHolder(5), aLaunch())).toMatchObject({
        kind: 'launched',
      });
      proxy.answer(dynamoError(type), 5);
      await expect(stores.checkpoints.launch(key, aHolder(6), aLaunch())).rejects.toMatchObject({
        applied: 'no',
      });
    });

    it('knows it of a request that DynamoDB does not accept, and does not repeat it', async () => {
      proxy.answer(dynamoError('AccessDeniedException'));
      await expect(stores.checkpoints.launch(key, aHolder(5), aLaunch())).rejects.toMatchObject({
        applied: 'no',
      });
      expect(operations()).toHaveLength(1);
    });

    it.each([
      [500, 'InternalServerError'],
      [503, 'ServiceUnavailable'],
    ])('does not claim to know it of a %d', async (status, type) => {
      proxy.answer(dynamoError(type, {}, status), 5);
      await expect(stores.checkpoints.launch(key, aHolder(5), aLaunch())).rejects.toMatchObject({
        applied: 'unknown',
      });
    });

    it('says so of a read that fails in whatever way', async () => {
      proxy.dropResponses(5);
      await expect(stores.checkpoints.read(key)).rejects.toMatchObject({ applied: 'no' });
    });
  });

  describe('when a transaction meets another one', () => {
    const cancelled = (...codes: string[]) =>
      dynamoError('TransactionCanceledException', { CancellationReasons: codes.map((Code) => ({ Code })) });

    it('repeats until it is through', async () => {
      const holder = aHolder(5);
      await stores.checkpoints.launch(key, holder, aLaunch());
      proxy.answer(cancelled('None', 'TransactionConflict'));
      proxy.answer(cancelled('TransactionConflict', 'None'));
      expect(await stores.checkpoints.advance(key, holder, settling())).toEqual({ kind: 'advanced' });
    });

    it('does not conclude from the half that was judged', async () => {
      const holder = aHolder(5);
      await stores.checkpoints.launch(key, holder, aLaunch());
      proxy.answer(cancelled('TransactionConflict', 'ConditionalCheckFailed'));
      expect(await stores.checkpoints.advance(key, holder, settling())).toEqual({ kind: 'advanced' });
    });

    it('knows that nothing was applied when that does not end', async () => {
      const holder = aHolder(5);
      await stores.checkpoints.launch(key, holder, aLaunch());
      proxy.answer(cancelled('None', 'TransactionConflict'), 5);
      await expect(stores.checkpoints.advance(key, holder, settling())).rejects.toMatchObject({
        applied: 'no',
      });
    });

    it('does not repeat what DynamoDB will never accept', async () => {
      const holder = aHolder(5);
      await stores.checkpoints.launch(key, holder, aLaunch());
      proxy.requests.length = 0;
      proxy.answer(cancelled('ValidationError', 'None'));
      await expect(stores.checkpoints.advance(key, holder, settling())).rejects.toMatchObject({
        applied: 'no',
      });
      expect(operations()).toHaveLength(1);
    });
  });

  it.each<[string, Record<string, AttributeValue>]>([
    ['step', { step: { S: 'CAPTURED' } }],
    ['epoch', { epoch: { S: '5' } }],
    ['charge.amount_minor', { charge: { M: {} } }],
    ['psp_pending_since_epoch_ms', { step: { S: 'PSP_PENDING' } }],
    ['response_status', { step: { S: 'SETTLED' }, response_status: { N: '200' }, response_body: { S: '' } }],
    ['void_reason', { step: { S: 'VOIDING' }, void_reason: { S: 'whim' } }],
  ])('names the key and the attribute %s of an item that it cannot read', async (attribute, damage) => {
    await stores.checkpoints.launch(key, aHolder(5), aLaunch());
    const item = { ...(await itemOf()), ...damage };
    await tables.client.send(new PutItemCommand({ TableName: tables.checkpoints, Item: item }));
    const reading = stores.checkpoints.read(key);
    await expect(reading).rejects.toThrow(`tenant_a/${key.idempotencyKey}: attribute ${attribute} `);
    await expect(reading).rejects.toMatchObject({ name: 'MalformedItemError' });
  });

  it('does not end a charge without knowing how long its answer is kept', async () => {
    const holder = aHolder(5);
    await stores.checkpoints.launch(key, holder, aLaunch());
    const advance = { from: 'VALIDATED', to: SETTLED } as const;
    await expect(stores.checkpoints.advance(key, holder, advance)).rejects.toThrow('retentionSeconds');
  });
});
