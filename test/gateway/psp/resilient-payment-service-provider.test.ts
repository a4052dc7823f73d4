import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { CIRCUIT_STATES, DISTRIBUTIONS, GAUGES, METRICS, pspDimension } from '#contract/metrics';
import type { Clock } from '#gateway/platform/clock';
import type {
  ChargeOutcome,
  LookupOutcome,
  PaymentServiceProvider,
  PspBudget,
  PspChargeRequest,
  VoidOutcome,
} from '#gateway/psp/payment-service-provider';
import { pspKeyOf } from '#gateway/psp/psp-key';
import {
  resilienceLimits,
  ResilientPaymentServiceProvider,
  type ResilienceLimits,
} from '#gateway/psp/resilient-payment-service-provider';
import { SimulatorProcess } from '#test/psp-simulator/simulator-process';
import { RecordingLogger } from '../../support/recording-logger.ts';
import { RecordingMetrics } from '../../support/recording-metrics.ts';
import { budgetOf, chargeRequest, SeededRandom, stripeProvider, systemClock } from './psp-fixtures.ts';
import { VirtualClock } from './virtual-clock.ts';

const request = chargeRequest();
const approved: ChargeOutcome = {
  ...{ kind: 'approved', pspChargeId: 'pi_1', amountMinor: 1999, currency: 'usd', replayed: false },
};
const declined: ChargeOutcome = { kind: 'declined', declineCode: 'generic_decline', pspChargeId: 'pi_1' };
const timeout: ChargeOutcome = { kind: 'unknown', reason: 'timeout', answeredWithServerError: false };
const savedError: ChargeOutcome = {
  ...{ kind: 'unknown', reason: 'server-error-replayed', answeredWithServerError: true },
};
const refused = (reason: string): ChargeOutcome => ({ kind: 'not_executed', reason });

/** A PSP whose answers a test decides: attempt by attempt, each with how long it takes on the clock. */
class ScriptedProvider implements PaymentServiceProvider {
  readonly name = 'scripted';
  readonly keyRetentionMs = 1;
  readonly remembersKeys: boolean;
  readonly attempts: { startMs: number; deadlineMs: number }[] = [];
  running = 0;
  mostRunning = 0;
  readonly #clock: Clock;
  readonly #answer: (attempt: number) => { outcome: ChargeOutcome | Error; takesMs: number };

  constructor(
    clock: Clock,
    answer: (attempt: number) => { outcome: ChargeOutcome | Error; takesMs: number },
    remembersKeys = true,
  ) {
    this.remembersKeys = remembersKeys;
    this.#clock = clock;
    this.#answer = answer;
  }

  async charge(_request: PspChargeRequest, budget: PspBudget): Promise<ChargeOutcome> {
    const { outcome, takesMs } = this.#answer(this.attempts.length);
    this.attempts.push({ startMs: this.#clock.monotonicMs(), deadlineMs: budget.deadlineMonotonicMs });
    this.running++;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    await this.#clock.sleep(takesMs);
    this.running--;
    if (outcome instanceof Error) throw outcome;
    return outcome;
  }

  retrieve(): Promise<LookupOutcome> {
    return Promise.reject(new Error('a defect'));
  }

  lookup(): Promise<LookupOutcome> {
    return Promise.resolve({ kind: 'absent' });
  }

  void(): Promise<VoidOutcome> {
    return Promise.reject(new Error('a defect'));
  }

  isAvailable(): boolean {
    return true;
  }
}

const LIMITS: ResilienceLimits = {
  ...resilienceLimits(1000),
  minimumAttemptMs: 200,
  backoff: { baseMs: 100, capMs: 800 },
};

/** A resilient provider over a script, on a virtual clock. */
function scripted(
  answer: (attempt: number) => { outcome: ChargeOutcome | Error; takesMs: number },
  limits: Partial<ResilienceLimits> = {},
  seed = 1,
) {
  const clock = new VirtualClock();
  const metrics = new RecordingMetrics();
  const inner = new ScriptedProvider(clock, answer);
  const ports = { clock, metrics, random: new SeededRandom(seed), logger: new RecordingLogger() };
  const psp = new ResilientPaymentServiceProvider(inner, { ...LIMITS, ...limits }, ports);
  const budget = (milliseconds: number): PspBudget => ({
    deadlineMonotonicMs: clock.monotonicMs() + milliseconds,
  });
  return { psp, inner, clock, metrics, budget };
}

const inTurn = (...outcomes: (ChargeOutcome | Error)[]) => {
  const last = outcomes.at(-1) ?? approved;
  return (attempt: number) => ({ outcome: outcomes[attempt] ?? last, takesMs: 10 });
};

describe('retries', () => {
  it('repeats what is unknown or was not executed until there is an answer', async () => {
    const { psp, inner, budget } = scripted(inTurn(timeout, refused('rate-limited'), approved));
    expect(await psp.charge(request, budget(10_000))).toEqual(approved);
    expect(inner.attempts).toHaveLength(3);
  });

  it('does not repeat a decline', async () => {
    const { psp, inner, budget } = scripted(inTurn(declined));
    expect(await psp.charge(request, budget(10_000))).toEqual(declined);
    expect(inner.attempts).toHaveLength(1);
  });

  it('stays unknown where an attempt that was not executed follows an unknown one', async () => {
    const { psp, budget } = scripted(inTurn(timeout, refused('not-connected')));
    expect(await psp.charge(request, budget(3000))).toEqual(timeout);
  });

  it.each([savedError, refused('unauthorized'), refused('forbidden')])(
    'does not repeat what cannot change: %j',
    async (outcome) => {
      const { psp, inner, budget } = scripted(inTurn(outcome));
      expect(await psp.charge(request, budget(10_000))).toEqual(outcome);
      expect(inner.attempts).toHaveLength(1);
    },
  );

  it('repeats what was not executed, and never what is unknown, where the PSP remembers no keys (rule 6)', async () => {
    const clock = new VirtualClock();
    const script = inTurn(refused('not-connected'), timeout, approved);
    const inner = new ScriptedProvider(clock, script, false);
    const ports = { clock, metrics: new RecordingMetrics(), random: new SeededRandom(1) };
    const psp = new ResilientPaymentServiceProvider(inner, LIMITS, {
      ...ports,
      logger: new RecordingLogger(),
    });
    const budget = { deadlineMonotonicMs: clock.monotonicMs() + 10_000 };
    expect(await psp.charge(request, budget)).toEqual(timeout);
    expect(inner.attempts).toHaveLength(2);
  });

  it('draws each delay from the whole of its doubling step, up to the cap', async () => {
    const steps = [100, 200, 400, 800, 800];
    const drawn: number[][] = steps.map(() => []);
    for (let seed = 0; seed < 400; seed++) {
      const notExecuted = refused('rate-limited');
      const answer = (attempt: number) => ({
        ...{ outcome: attempt < steps.length ? notExecuted : approved, takesMs: 0 },
      });
      const { psp, inner, budget } = scripted(answer, {}, seed);
      await psp.charge(request, budget(60_000));
      steps.forEach((_, retry) => {
        const gap = (inner.attempts[retry + 1]?.startMs ?? 0) - (inner.attempts[retry]?.startMs ?? 0);
        drawn[retry]?.push(gap);
      });
    }
    steps.forEach((step, retry) => {
      const delays = drawn[retry] ?? [];
      expect(Math.min(...delays)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...delays)).toBeLessThan(step);
      // Full jitter: as many in each quarter as in any other, give or take chance.
      for (let quarter = 0; quarter < 4; quarter++) {
        const [from, to] = [(quarter * step) / 4, ((quarter + 1) * step) / 4];
        const share = delays.filter((delay) => delay >= from && delay < to).length / delays.length;
        expect(share).toBeGreaterThan(0.15);
        expect(share).toBeLessThan(0.35);
      }
    });
  });

  it('never overruns its budget, and starts nothing that could', async () => {
    const scenario = fc.record({
      budgetMs: fc.integer({ min: 0, max: 8000 }),
      takesMs: fc.array(fc.integer({ min: 0, max: 3000 }), { minLength: 1, maxLength: 12 }),
      seed: fc.integer(),
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ budgetMs, takesMs, seed }) => {
        const answer = (attempt: number) => ({
          ...{ outcome: timeout, takesMs: takesMs[attempt % takesMs.length] ?? 0 },
        });
        const { psp, inner, clock, budget } = scripted(answer, {}, seed);
        const allowed = budget(budgetMs);
        const outcome = await psp.charge(request, allowed);
        expect(clock.monotonicMs()).toBeLessThanOrEqual(Math.max(allowed.deadlineMonotonicMs, 1_000_000));
        for (const { startMs, deadlineMs } of inner.attempts) {
          expect(deadlineMs).toBeLessThanOrEqual(allowed.deadlineMonotonicMs);
          expect(deadlineMs - startMs).toBeGreaterThanOrEqual(LIMITS.minimumAttemptMs);
          expect(deadlineMs - startMs).toBeLessThanOrEqual(LIMITS.attemptTimeoutMs);
        }
        if (inner.attempts.length === 0) expect(outcome).toEqual(refused('no-time-left'));
        else expect(outcome.kind).toBe('unknown');
      }),
      { numRuns: 60 },
    );
  });

  it('does not wait for a provider that never answers', async () => {
    const { psp, clock, budget } = scripted(() => ({ outcome: approved, takesMs: 1e9 }));
    const allowed = budget(2500);
    expect(await psp.charge(request, allowed)).toEqual(timeout);
    expect(clock.monotonicMs()).toBeLessThanOrEqual(allowed.deadlineMonotonicMs);
  });

  it('never throws, whatever the provider does', async () => {
    const { psp, budget } = scripted(inTurn(new Error('a defect')));
    const unexpected = { kind: 'unknown', reason: 'unexpected-error' };
    expect(await psp.charge(request, budget(1000))).toEqual({
      ...unexpected,
      answeredWithServerError: false,
    });
    expect(await psp.retrieve('pi_1', budget(1000))).toEqual(unexpected);
    expect(await psp.void(request, 'pi_1', budget(1000))).toEqual(unexpected);
    expect(await psp.lookup(request, budget(1000))).toEqual({ kind: 'absent' });
  });
});

describe('what is measured', () => {
  const psp = pspDimension('scripted');

  it('is how long each attempt took, and how many are of unknown outcome', async () => {
    const provider = scripted(inTurn(timeout, refused('rate-limited'), approved));
    await provider.psp.charge(request, provider.budget(10_000));
    expect(provider.metrics.recorded(DISTRIBUTIONS.pspLatency, psp)).toEqual([10, 10, 10]);
    expect(provider.metrics.of(METRICS.pspUnknowns, psp)).toBe(1);
  });

  it('is the time that the PSP cost a charge: its attempts and the pauses after those that failed', async () => {
    const { clock, ...provider } = scripted(inTurn(timeout, approved));
    let spentMs = 0;
    const budget = {
      ...provider.budget(10_000),
      onTimeSpent: (durationMs: number) => {
        spentMs += durationMs;
      },
    };
    const startedMs = clock.monotonicMs();
    await provider.psp.charge(request, budget);
    expect(spentMs).toBeGreaterThan(20);
    expect(spentMs).toBeCloseTo(clock.monotonicMs() - startedMs, 6);
  });

  it('leaves out what a charge waits for its turn', async () => {
    const provider = scripted(() => ({ outcome: approved, takesMs: 100 }), { maximumConcurrent: 1 });
    const spent = [0, 0, 0];
    await Promise.all(
      spent.map((_, index) =>
        provider.psp.charge(request, {
          ...provider.budget(10_000),
          onTimeSpent: (durationMs) => {
            spent[index] = (spent[index] ?? 0) + durationMs;
          },
        }),
      ),
    );
    expect(spent).toEqual([100, 100, 100]);
  });
});

describe('the circuit', () => {
  const circuit = { windowCalls: 8, minimumCalls: 4, failureShare: 0.5, openMs: 5000 };
  const oneAttempt = 1000;

  /** Opens the circuit, and answers from then on as `afterwards` says. */
  async function opened(afterwards: (attempt: number) => ChargeOutcome, takesMs = 10) {
    const setUp = scripted(
      (attempt) => ({ outcome: attempt < 4 ? timeout : afterwards(attempt), takesMs }),
      // No time for a second attempt, so that a call is an attempt.
      { circuit, minimumAttemptMs: 900 },
    );
    for (let call = 0; call < 4; call++) await setUp.psp.charge(request, setUp.budget(oneAttempt));
    return setUp;
  }

  it('opens after failures, counts that, and refuses without sending', async () => {
    const { psp, inner, metrics, budget } = await opened(() => approved);
    expect(psp.isAvailable()).toBe(false);
    expect(metrics.of('PspCircuitOpened')).toBe(1);
    expect(await psp.charge(request, budget(oneAttempt))).toEqual(refused('circuit-open'));
    expect(await psp.lookup(request, budget(oneAttempt))).toEqual({
      kind: 'unknown',
      reason: 'circuit-open',
    });
    expect(await psp.void(request, 'pi_1', budget(oneAttempt))).toMatchObject({ reason: 'circuit-open' });
    expect(inner.attempts).toHaveLength(4);
  });

  it('tells its state: open, probing as soon as a call may try, closed again after it', async () => {
    const { psp, clock, metrics, budget } = await opened(() => approved);
    const state = () => metrics.gaugeOf(GAUGES.pspCircuitState, pspDimension('scripted'));
    expect(state()).toBe(CIRCUIT_STATES.open);
    clock.advance(5000);
    expect(state()).toBe(CIRCUIT_STATES.probing);
    await psp.charge(request, budget(oneAttempt));
    expect(state()).toBe(CIRCUIT_STATES.closed);
  });

  it('leaves a charge unknown that had been sent before it opened', async () => {
    const { psp, inner, budget } = scripted(inTurn(timeout), { circuit });
    expect(await psp.charge(request, budget(60_000))).toEqual(timeout);
    expect(inner.attempts).toHaveLength(4);
  });

  it('lets a single call probe, and closes when that is answered', async () => {
    const { psp, inner, clock, budget } = await opened(() => approved);
    clock.advance(4900);
    expect(psp.isAvailable()).toBe(false);
    clock.advance(100);
    expect(psp.isAvailable()).toBe(true);
    const calls = await Promise.all([1, 2, 3].map(() => psp.charge(request, budget(oneAttempt))));
    expect(calls).toEqual([approved, refused('circuit-open'), refused('circuit-open')]);
    expect(inner.attempts).toHaveLength(5);
    expect(psp.isAvailable()).toBe(true);
    expect(await psp.charge(request, budget(oneAttempt))).toEqual(approved);
  });

  it('stays open for as long again when the probe fails', async () => {
    const { psp, clock, metrics, budget } = await opened(() => timeout);
    clock.advance(5000);
    await psp.charge(request, budget(oneAttempt));
    expect(psp.isAvailable()).toBe(false);
    expect(metrics.of('PspCircuitOpened')).toBe(2);
    clock.advance(5000);
    expect(psp.isAvailable()).toBe(true);
  });

  it.each([
    ['not-connected', true],
    ['unauthorized', true],
    ['forbidden', true],
    ['key-in-use', false],
    ['rate-limited', false],
  ])('counts an attempt that was not executed because of %s: %s', async (reason, counts) => {
    const { psp, budget } = scripted(inTurn(refused(reason)), { circuit, minimumAttemptMs: 900 });
    for (let call = 0; call < 8; call++) await psp.charge(request, budget(oneAttempt));
    expect(psp.isAvailable()).toBe(!counts);
  });

  it('does not count declines, nor errors that are replayed', async () => {
    for (const outcome of [declined, savedError]) {
      const { psp, budget } = scripted(inTurn(outcome), { circuit });
      for (let call = 0; call < 8; call++) await psp.charge(request, budget(oneAttempt));
      expect(psp.isAvailable()).toBe(true);
    }
  });
});

describe('the bulkhead', () => {
  const bounds = { maximumConcurrent: 2, maximumQueued: 3 };

  it('runs a bounded number of attempts, lets a bounded number wait, and refuses the rest', async () => {
    const { psp, inner, budget } = scripted(() => ({ outcome: approved, takesMs: 100 }), bounds);
    const calls = Array.from({ length: 8 }, () => psp.charge(request, budget(5000)));
    const outcomes = await Promise.all(calls);
    expect(inner.mostRunning).toBe(2);
    expect(outcomes.filter(({ kind }) => kind === 'approved')).toHaveLength(5);
    expect(outcomes.filter(({ kind }) => kind === 'not_executed')).toEqual(
      Array.from({ length: 3 }, () => refused('bulkhead-full')),
    );
  });

  it('leaves the queue in time for the budget, and is not sent afterwards', async () => {
    const { psp, inner, clock, budget } = scripted(() => ({ outcome: approved, takesMs: 900 }), {
      ...{ maximumConcurrent: 1, maximumQueued: 5 },
    });
    const first = psp.charge(request, budget(5000));
    const allowed = budget(600);
    expect(await psp.charge(request, allowed)).toEqual(refused('no-time-left'));
    expect(clock.monotonicMs()).toBeLessThanOrEqual(allowed.deadlineMonotonicMs);
    expect(await first).toEqual(approved);
    expect(await psp.charge(request, budget(5000))).toEqual(approved);
    expect(inner.attempts).toHaveLength(2);
  });
});

describe('a resilient provider over Stripe', () => {
  let simulator: SimulatorProcess;
  beforeAll(async () => {
    simulator = await SimulatorProcess.start({ PROCESSING_MS: '200' });
  });
  beforeEach(async () => {
    await simulator.setFault({ mode: 'none' });
  });
  afterAll(() => simulator.kill());

  function resilient(attemptTimeoutMs = 800) {
    return new ResilientPaymentServiceProvider(
      stripeProvider(simulator.url, { timeoutMs: attemptTimeoutMs }),
      { ...resilienceLimits(attemptTimeoutMs), minimumAttemptMs: 200, backoff: { baseMs: 20, capMs: 100 } },
      {
        ...{ clock: systemClock, random: new SeededRandom(7) },
        ...{ metrics: new RecordingMetrics(), logger: new RecordingLogger() },
      },
    );
  }

  const netCharged = async ({ chargeId }: PspChargeRequest): Promise<number> => {
    const found = await simulator.paymentIntents(`metadata.charge_once_charge_id=${chargeId}`);
    return found.reduce((sum, intent) => sum + intent.netCharged, 0);
  };

  it.each([
    ...['pm_card_visa', 'pm_sim_error_once', 'pm_sim_no_answer_after_charge', 'pm_sim_hang_after_charge'],
    ...['pm_sim_no_answer_before_charge', 'pm_sim_slow', 'pm_sim_rate_limited', 'pm_sim_processing'],
    'pm_sim_proxy_error_after_charge',
  ])('ends with one charge for %s', async (paymentMethod) => {
    const charge = chargeRequest({ paymentMethod });
    const outcome = await resilient().charge(charge, budgetOf(5000));
    expect(outcome).toMatchObject({ kind: 'approved', amountMinor: 1999 });
    expect(await netCharged(charge)).toBe(1999);
  });

  it.each([
    ['pm_sim_error_before_charge', 'absent', 0],
    ['pm_sim_error_after_charge', 'found', 1999],
  ])(
    'gives up on the saved 500 of %s after the replay, for the look-up to decide',
    async (method, kind, net) => {
      const charge = chargeRequest({ paymentMethod: method });
      const psp = resilient();
      expect(await psp.charge(charge, budgetOf(5000))).toEqual(savedError);
      expect(await simulator.createCalls(pspKeyOf(charge, 'charge'))).toBe(2);
      expect((await psp.lookup(charge, budgetOf(5000))).kind).toBe(kind);
      expect(await netCharged(charge)).toBe(net);
    },
  );

  it('voids within one call although the first void answers with a saved 500', async () => {
    const charge = chargeRequest({ paymentMethod: 'pm_sim_void_fails_once' });
    const psp = resilient();
    const outcome = await psp.charge(charge, budgetOf(5000));
    if (outcome.kind !== 'approved') throw new Error(`not approved: ${outcome.kind}`);
    const { pspChargeId } = outcome;
    expect(await psp.void(charge, pspChargeId, budgetOf(5000))).toEqual({ kind: 'voided', pspChargeId });
    expect(await netCharged(charge)).toBe(0);
  });

  it('survives whatever the chaos of the simulator does, without charging twice', async () => {
    const charges = Array.from({ length: 40 }, () => chargeRequest({ paymentMethod: 'pm_sim_random_chaos' }));
    const psp = resilient();
    for (const charge of charges) {
      const outcome = await psp.charge(charge, budgetOf(5000));
      const found = await simulator.paymentIntents(`metadata.charge_once_charge_id=${charge.chargeId}`);
      const standing = found.filter((intent) => intent.netCharged > 0);
      expect(standing.length).toBeLessThanOrEqual(1);
      if (outcome.kind === 'approved') expect(standing[0]?.id).toBe(outcome.pspChargeId);
      if (outcome.kind === 'declined') expect(standing).toEqual([]);
      expect(outcome.kind).not.toBe('not_executed');
    }
  });

  it('opens its circuit while Stripe is down, and closes it once Stripe is back', async () => {
    const limits = resilienceLimits(800);
    const psp = new ResilientPaymentServiceProvider(
      stripeProvider(simulator.url),
      { ...limits, minimumAttemptMs: 200, circuit: { ...limits.circuit, openMs: 300 } },
      {
        ...{ clock: systemClock, random: new SeededRandom(3) },
        ...{ metrics: new RecordingMetrics(), logger: new RecordingLogger() },
      },
    );
    await simulator.setFault({ mode: 'down' });
    await Promise.all(Array.from({ length: 12 }, () => psp.charge(chargeRequest(), budgetOf(400))));
    expect(psp.isAvailable()).toBe(false);
    await simulator.setFault({ mode: 'none' });
    for (const deadline = Date.now() + 5000; !psp.isAvailable() && Date.now() < deadline;) {
      await systemClock.sleep(20);
    }
    expect((await psp.charge(chargeRequest(), budgetOf(2000))).kind).toBe('approved');
    expect(psp.isAvailable()).toBe(true);
  });
});
