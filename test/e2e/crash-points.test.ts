import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import type { PaymentEventDetail } from '#contract/events';
import { chargeIdOf } from '#gateway/idempotency/charge-key';
import { CHECKPOINT_STEPS, type CheckpointStep } from '#gateway/saga/checkpoint';

import { ApiClient, chargeBody, newKey } from '../support/api-client.ts';
import { EFFECTS, type CrashPoint, type Effect } from '../support/crash-points.ts';
import { eventually } from '../support/eventually.ts';
import { netCharged, pspRecordsOf } from '../support/psp-records.ts';
import { startStack, TENANT, type GatewayProcess, type Stack } from '../support/stack.ts';

type Ending = 'settled' | 'declined' | 'voided';

const PAYMENT_METHODS: Record<Ending, string> = {
  settled: 'pm_card_visa',
  declined: 'pm_card_chargeDeclined',
  voided: 'pm_sim_partial_approval',
};

const LEDGERS: Record<Ending, string[]> = {
  settled: ['RESERVED', 'SETTLED'],
  declined: ['RESERVED', 'VOIDED'],
  voided: ['RESERVED', 'VOIDING', 'VOIDED'],
};

/** How each effect is reached. A new effect without an ending does not compile. */
const ENDINGS: Record<Effect, Ending[]> = {
  acquire: ['settled'],
  launch: ['settled'],
  'ledger:RESERVED': ['settled'],
  'checkpoint:PSP_PENDING': ['settled'],
  'psp:charge': ['settled', 'declined', 'voided'],
  'checkpoint:SETTLED': ['settled'],
  'checkpoint:VOIDING': ['voided'],
  'psp:void': ['voided'],
  'checkpoint:VOIDED': ['declined', 'voided'],
  'events:publish': ['settled', 'declined'],
  'checkpoint:EVENTS_EMITTED': ['settled', 'voided'],
  complete: ['settled'],
};

/** Which effect makes a checkpoint durable. A new checkpoint without one does not compile. */
const MADE_BY: Record<CheckpointStep, Effect> = {
  VALIDATED: 'launch',
  PSP_PENDING: 'checkpoint:PSP_PENDING',
  VOIDING: 'checkpoint:VOIDING',
  SETTLED: 'checkpoint:SETTLED',
  VOIDED: 'checkpoint:VOIDED',
  EVENTS_EMITTED: 'checkpoint:EVENTS_EMITTED',
};

interface Crash {
  readonly point: CrashPoint;
  readonly ending: Ending;
  readonly key: string;
  readonly chargeId: string;
}

const CRASHES: Crash[] = EFFECTS.flatMap((effect) =>
  ENDINGS[effect].flatMap((ending) =>
    (['before', 'after'] as const).map((side) => {
      const key = newKey();
      const chargeId = chargeIdOf({ tenantId: TENANT.tenantId, idempotencyKey: key });
      return { point: `${side} ${effect}` as const, ending, key, chargeId };
    }),
  ),
);

/** A task that dies here has acquired the key at most: nothing was promised, and the key is free again. */
function wasLaunched({ point }: Crash): boolean {
  return !['before acquire', 'after acquire', 'before launch'].includes(point);
}

describe('a task killed at any external effect', () => {
  let stack: Stack;
  let survivor: GatewayProcess;
  const deaths = new Map<Crash, NodeJS.Signals | number>();
  const events: PaymentEventDetail[] = [];

  /** Sends a charge to a task that dies on the way, and waits until it is dead. */
  async function crash(planned: Crash): Promise<void> {
    const victim = await stack.startGateway({ crashAt: planned.point });
    const client = new ApiClient({ url: victim.url, apiKey: TENANT.apiKey });
    await client.charge(planned.key, chargeBody(PAYMENT_METHODS[planned.ending])).catch(() => undefined);
    deaths.set(planned, await victim.ended);
  }

  beforeAll(async () => {
    stack = await startStack();
    const waiting = [...CRASHES];
    const workers = Array.from({ length: 3 }, async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await crash(next);
    });
    await Promise.all(workers);
    // One task and the sweeper find everything that the dead have left.
    survivor = await stack.startGateway();
    stack.startSweeper();
    await eventually(
      'no row is PROCESSING',
      async () =>
        (await stack.query(`select 1 from idempotency_keys where status = 'PROCESSING'`)).length === 0,
      120_000,
    );
    for (let taken = [...(await stack.takeEvents('order'))]; taken.length > 0;) {
      events.push(...taken);
      taken = await stack.takeEvents('order');
    }
  }, 600_000);

  afterAll(() => stack.stop());

  it('covers both sides of what makes each checkpoint durable', () => {
    for (const step of CHECKPOINT_STEPS) {
      const sides = CRASHES.filter(({ point }) => point.endsWith(` ${MADE_BY[step]}`)).map(
        ({ point }) => point,
      );
      expect(sides).toEqual(expect.arrayContaining([`before ${MADE_BY[step]}`, `after ${MADE_BY[step]}`]));
    }
  });

  describe.each(CRASHES)('$point, on the way to $ending', (planned) => {
    const { ending, key, chargeId } = planned;
    const expectedCharge = ending === 'settled' ? 1999 : 0;

    it('really died there', () => {
      expect(deaths.get(planned)).toBe('SIGKILL');
    });

    it('was brought to its end by the sweeper, or freed where nothing was promised', async () => {
      const states = await stack.ledgerStates(chargeId);
      expect(states).toEqual(wasLaunched(planned) ? LEDGERS[ending] : []);
      const charged = netCharged(await pspRecordsOf(stack.cloud.pspSimulatorUrl, chargeId));
      expect(charged).toBe(wasLaunched(planned) ? expectedCharge : 0);
    });

    it('published its event with one id', () => {
      const ids = new Set(
        events.filter((event) => event.charge_id === chargeId).map((event) => event.event_id),
      );
      expect(ids.size).toBe(wasLaunched(planned) ? 1 : 0);
    });

    it('answers the client that asks again, the same every time, with one charge at the PSP', async () => {
      const client = new ApiClient({ url: survivor.url, apiKey: TENANT.apiKey });
      const body = chargeBody(PAYMENT_METHODS[ending]);
      const first = await client.chargeUntilTerminal(key, body);
      const second = await client.charge(key, body);
      expect(first.status).toBe(ending === 'settled' ? 201 : 402);
      expect(second.text).toBe(first.text);
      expect(second.headers.get('idempotent-replayed')).toBe('true');
      expect(netCharged(await pspRecordsOf(stack.cloud.pspSimulatorUrl, chargeId))).toBe(expectedCharge);
      expect(await stack.ledgerStates(chargeId)).toEqual(LEDGERS[ending]);
    });
  });
});
