import { UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';

import { METRICS } from '#contract/metrics';
import { DEFAULT_PSP_ACCOUNT } from '#contract/psp-accounts';
import { chargeIdOf, type ChargeKey } from '#gateway/idempotency/charge-key';
import { FixedPspDirectory, type PspAccount } from '#gateway/psp/fixed-psp-directory';
import type { SagaPorts } from '#gateway/saga/saga-ports';

import { SimulatorProcess } from '../../psp-simulator/simulator-process.ts';
import { decorated } from '../../support/decorated-port.ts';
import { eventually } from '../../support/eventually.ts';
import { SagaHarness } from '../../support/saga-harness.ts';

const EUROPE = 'europe';

/** Two accounts of Stripe, each a simulator of its own, which knows nothing of the other's keys and charges. */
describe('the account of a PSP', () => {
  let harness: SagaHarness;
  let europe: SimulatorProcess;

  beforeAll(async () => {
    [harness, europe] = await Promise.all([SagaHarness.start(), SimulatorProcess.start()]);
  });
  afterEach(async () => {
    await Promise.all([harness.psp.setFault({ mode: 'none' }), europe.setFault({ mode: 'none' })]);
  });
  afterAll(async () => {
    await Promise.all([harness.stop(), europe.kill()]);
  });

  /** A task that has these accounts and no other. */
  function taskWith(decorate: (account: PspAccount) => PspAccount, ...names: string[]) {
    const accounts = names.map((name) =>
      decorate(harness.pspAccountAt(name === EUROPE ? europe : harness.psp, name)),
    );
    const decoratePorts = (ports: SagaPorts) => ({ ...ports, psps: new FixedPspDirectory(accounts) });
    return harness.task({ decorate: decoratePorts });
  }
  const same = (account: PspAccount) => account;
  const taskWithBoth = () => taskWith(same, DEFAULT_PSP_ACCOUNT, EUROPE);

  async function chargedAt(simulator: SimulatorProcess, key: ChargeKey): Promise<number> {
    const query = `metadata.charge_once_charge_id=${chargeIdOf(key)}`;
    const records = await simulator.paymentIntents(query);
    return records.reduce((sum, record) => sum + record.netCharged, 0);
  }

  /** Sent to the account by a task that dies before it hears an answer: no store knows more than PSP_PENDING. */
  async function sentTo(pspAccount: string, paymentMethod = 'pm_card_visa'): Promise<ChargeKey> {
    const key = harness.newKey();
    const dies = ({ psp }: PspAccount) => ({
      pspAccount,
      psp: decorated(psp, {
        charge: async (...args) => {
          await psp.charge(...args);
          throw new Error('the task dies here');
        },
      }),
    });
    const answer = await taskWith(dies, pspAccount).submit({ key, pspAccount, paymentMethod });
    expect(answer).toMatchObject({ kind: 'processing' });
    return key;
  }

  it('takes the charges of its tenants, and is in the ledger and the answer', async () => {
    const key = harness.newKey();
    const answer = await taskWithBoth().submit({ key, pspAccount: EUROPE });
    expect(answer).toMatchObject({ kind: 'terminal', response: { status: 201 } });
    expect(await chargedAt(europe, key)).toBe(1_999);
    expect(await harness.createCalls(key)).toBe(0);
    expect((await harness.ledgerOf(key))[0]).toMatchObject({ state: 'RESERVED', pspAccount: EUROPE });
    const body: unknown = answer.kind === 'terminal' ? JSON.parse(answer.response.body) : undefined;
    expect(body).toMatchObject({ psp: { name: 'stripe', account: EUROPE } });
  });

  it('is no member of the answer where it is the usual one: stored answers have none', async () => {
    const answer = await taskWithBoth().submit({ key: harness.newKey() });
    const body = answer.kind === 'terminal' ? answer.response.body : '';
    expect(Object.keys((JSON.parse(body) as { psp: object }).psp)).toEqual(['name', 'charge']);
  });

  it.each<[string, (key: ChargeKey) => Promise<unknown>]>([
    ['the client asks again', (key) => taskWithBoth().submit({ key })],
    ['recovery takes the charge over', (key) => taskWithBoth().resume(key)],
    [
      'only the ledger remembers the charge, and the client asks again',
      async (key) => {
        await Promise.all([harness.forgetCheckpoint(key), harness.forgetRow(key)]);
        return taskWithBoth().submit({ key });
      },
    ],
    [
      'only the ledger remembers the charge, and recovery takes it over',
      async (key) => {
        await Promise.all([harness.forgetCheckpoint(key), harness.forgetRow(key)]);
        return taskWithBoth().resume(key);
      },
    ],
  ])(
    'stays that of an accepted charge when its tenant has moved to another one and %s',
    async (_, resume) => {
      const key = await sentTo(EUROPE);
      // Whoever asks now, asks for the default account: that is where the tenant is by now.
      await eventually('the charge has settled', async () => {
        await resume(key);
        return (await harness.ledgerStates(key)).includes('SETTLED');
      });
      expect(await chargedAt(europe, key)).toBe(1_999);
      expect(await harness.createCalls(key)).toBe(0);
      expect(await chargedAt(harness.psp, key)).toBe(0);
    },
  );

  it('is no part of the payload: the tenant has moved, and the replay is the same', async () => {
    const key = harness.newKey();
    const task = taskWithBoth();
    const first = await task.submit({ key, pspAccount: EUROPE });
    // The replay asked no PSP.
    expect(await task.submit({ key })).toEqual({ ...first, pspMs: undefined, replayed: true });
  });

  it('is the default one for a charge that was accepted before there were several', async () => {
    const key = await sentTo(DEFAULT_PSP_ACCOUNT);
    await harness.tables.client.send(
      new UpdateItemCommand({
        TableName: harness.tables.checkpoints,
        Key: { tenant_id: { S: key.tenantId }, uuid: { S: key.idempotencyKey } },
        UpdateExpression: 'REMOVE charge.psp_account',
      }),
    );
    await harness.tables.client.send(
      new UpdateItemCommand({
        TableName: harness.tables.ledger,
        Key: { charge_id: { S: chargeIdOf(key) }, seq: { N: '100' } },
        UpdateExpression: 'REMOVE psp_account',
      }),
    );
    expect(await taskWithBoth().submit({ key, pspAccount: EUROPE })).toMatchObject({
      kind: 'terminal',
      response: { status: 201 },
    });
    expect(await chargedAt(harness.psp, key)).toBe(1_999);
    expect(await chargedAt(europe, key)).toBe(0);
  });

  it('voids what it approved, wherever the tenant is by now', async () => {
    const key = await sentTo(EUROPE, 'pm_sim_partial_approval');
    await eventually('the charge is voided', async () => {
      await taskWithBoth().resume(key);
      return (await harness.ledgerStates(key)).includes('VOIDED');
    });
    expect(await harness.ledgerStates(key)).toEqual(['RESERVED', 'VOIDING', 'VOIDED']);
    expect(await chargedAt(europe, key)).toBe(0);
  });

  it('is watched for a late success of its own charge (rule 11)', async () => {
    const key = await sentTo(EUROPE);
    await harness.ports().ledger.append({
      ...{ chargeId: chargeIdOf(key), tenantId: key.tenantId, epoch: 1, originRegion: 'us-east-1' },
      ...{ recordedAt: new Date().toISOString(), state: 'VOIDING', reason: 'unresolved' },
      pspChargeId: undefined,
    });
    const missing = harness.metrics.of(METRICS.pspAccountsMissing);
    const without = taskWith(same, DEFAULT_PSP_ACCOUNT);
    expect(await without.resume(key, 'late-success-watch')).toBe('retry-later');
    expect(harness.metrics.of(METRICS.pspAccountsMissing)).toBe(missing + 1);
    expect(await chargedAt(europe, key)).toBe(1_999);

    expect(await taskWithBoth().resume(key, 'late-success-watch')).toBe('done');
    expect(await chargedAt(europe, key)).toBe(0);
    expect(await harness.ledgerStates(key)).toContain('LATE_SUCCESS_VOIDED');
  });

  it('is a reason of its own to refuse a charge, with nothing written, where the task does not have it', async () => {
    const key = harness.newKey();
    const missing = harness.metrics.of(METRICS.pspAccountsMissing);
    const refused = await taskWith(same, DEFAULT_PSP_ACCOUNT).submit({ key, pspAccount: EUROPE });
    expect(refused).toMatchObject({ kind: 'refused', reason: 'psp-account-missing' });
    expect(await harness.rowOf(key)).toBeUndefined();
    expect(await harness.ledgerStates(key)).toEqual([]);
    expect(harness.metrics.of(METRICS.pspAccountsMissing)).toBe(missing + 1);
    expect(harness.logger.errors()).toContain('charge refused: this task has no such PSP account');
  });

  it('leaves an accepted charge waiting, and not declined, where it has vanished', async () => {
    const key = await sentTo(EUROPE);
    const without = taskWith(same, DEFAULT_PSP_ACCOUNT);
    const missing = harness.metrics.of(METRICS.pspAccountsMissing);
    expect(await without.resume(key)).toBe('done');
    expect(await without.submit({ key, pspAccount: EUROPE })).toMatchObject({ kind: 'processing' });
    // The tenant has an account that is there, and its charge has one that is not.
    expect(await without.submit({ key })).toMatchObject({ kind: 'processing' });
    expect(harness.metrics.of(METRICS.pspAccountsMissing)).toBeGreaterThanOrEqual(missing + 2);
    expect(harness.logger.errors()).toContain('charge postponed: this task has no such PSP account');
    expect(await harness.ledgerStates(key)).toEqual(['RESERVED']);
    expect(await harness.createCalls(key)).toBe(0);

    expect(await taskWithBoth().submit({ key })).toMatchObject({
      kind: 'terminal',
      response: { status: 201 },
    });
    expect(await chargedAt(europe, key)).toBe(1_999);
  });

  it('has a circuit of its own: the charges of another account go on while it is open', async () => {
    await europe.setFault({ mode: 'down' });
    const task = taskWithBoth();
    await eventually(
      "the circuit of Europe's account is open",
      async () => {
        const answer = await task.submit({ key: harness.newKey(), pspAccount: EUROPE });
        return answer.kind === 'refused' && answer.reason === 'psp-circuit-open';
      },
      60_000,
    );
    expect(await task.submit({ key: harness.newKey() })).toMatchObject({
      kind: 'terminal',
      response: { status: 201 },
    });
  }, 90_000);
});
