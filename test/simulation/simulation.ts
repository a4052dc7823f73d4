import { chargeIdOf, type ChargeKey } from '#gateway/idempotency/charge-key';

import { checkHistory } from './checks/check-history.ts';
import { LIMITS } from './checks/limits.ts';
import { Coverage } from './coverage.ts';
import { History, type HistoryEvent } from './history.ts';
import { nameOf } from './models/key-store-model.ts';
import { mix, SeededRandom } from './seeded-random.ts';
import { START_EPOCH_MS } from './simulated-process.ts';
import type { Violation } from './violation.ts';
import { NOTHING_REDUCED, planOf, type Reduction } from './world-plan.ts';
import { payloadOf } from './world/client.ts';
import { SETTINGS, World } from './world/world.ts';

/** More virtual time than a charge may take to end once the faults have stopped. */
const LONGEST_REST_MS = 3 * 3_600_000;
const CHECK_INTERVAL_MS = 2_000;
/** By then recovery has done without the clients what it can. */
const LONGEST_RECOVERY_MS = 300_000;
/** While only watches are left, which come every quarter of an hour. */
const WATCH_CHECK_INTERVAL_MS = 600_000;
/** A watch for a late success goes on for the PSP's memory of a key, asking every quarter of an hour. */
const LONGEST_WATCH_MS = 30 * 3_600_000;
/** By then a watch has looked four times, long after anything in this world that can still turn up. */
const SHORT_WATCH_MS = 3_700_000;
/** Past the retention of keys, past the time for which an expired row still counts, or just before the first. */
const AFTER_EXPIRY_MS = [26 * 3_600_000, 52 * 3_600_000, 0] as const;
const LONGEST_BEFORE_EXPIRY_MS = 25_000;
/** Share of the histories in which watches go on to their end, and keys come back after they have expired. */
const EXPIRY_SHARE = 0.1;
/** A world that does so much is stuck in a loop. */
const MOST_STEPS = 100_000;

export interface SimulationResult {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly events: readonly HistoryEvent[];
  readonly eventCount: number;
  readonly digest: string;
  readonly firedFaults: number;
}

export interface SimulationOptions {
  readonly seed: number;
  readonly coverage: Coverage;
  readonly keepsEvents?: boolean;
  readonly reduction?: Reduction;
}

type Phase = 'faults' | 'resting' | 'asking' | 'watching' | 'expired' | 'over';

/**
 * One history: a world with faults until it heals, then the time that it needs to come to rest; then every key is asked
 * for once more, as a client would that wants to know, some of them after they have expired; then all is checked.
 */
export class Simulation {
  readonly seed: number;
  readonly world: World;
  readonly #history: History;
  readonly #random: SeededRandom;
  #phase: Phase = 'faults';
  #phaseEndsAtMs: number;
  #watchingSinceMs = 0;
  #willExpire: boolean;
  #steps = 0;

  constructor({ seed, coverage, keepsEvents = false, reduction = NOTHING_REDUCED }: SimulationOptions) {
    this.seed = seed;
    this.#history = new History({ keepsEvents });
    this.#random = new SeededRandom(mix(seed, 2));
    this.#willExpire = this.#random.chance(EXPIRY_SHARE);
    this.world = new World(planOf(seed, reduction), this.#history, coverage);
    const { longNightMs, healAtMs } = this.world.plan;
    this.#phaseEndsAtMs = healAtMs + LONGEST_REST_MS + longNightMs;
    this.world.time.after(healAtMs + longNightMs, () => {
      this.world.heal();
      this.#phase = 'resting';
      this.#check();
    });
  }

  get isOver(): boolean {
    return this.#phase === 'over';
  }

  /** One thing happens; what it wakes runs as microtasks, before the next step. */
  step(): void {
    this.#steps += 1;
    if (this.#steps > MOST_STEPS) {
      this.#history.violate(this.world.time.nowMs, 'bounds', `more than ${MOST_STEPS} steps`);
      this.#phase = 'over';
      return;
    }
    if (!this.world.time.step()) this.#phase = 'over';
  }

  get result(): SimulationResult {
    const { violations, events, length, digest } = this.#history;
    const { fired } = this.world.faults;
    return { seed: this.seed, violations, events, eventCount: length, digest, firedFaults: fired };
  }

  #check(): void {
    const { time } = this.world;
    let sleepMs = 0;
    if (this.#isAtRest()) sleepMs = this.#nextPhase();
    else if (time.nowMs > this.#phaseEndsAtMs) this.#end();
    const intervalMs = this.#phase === 'watching' ? WATCH_CHECK_INTERVAL_MS : CHECK_INTERVAL_MS;
    if (!this.isOver) time.after(sleepMs + intervalMs, () => this.#check());
  }

  #isAtRest(): boolean {
    const { world } = this;
    if (this.#phase === 'watching') {
      const isLongEnough = !this.#willExpire && world.time.nowMs > this.#watchingSinceMs + SHORT_WATCH_MS;
      return isLongEnough || world.homes.every(({ queue }) => queue.pending.length === 0);
    }
    if (world.clients.some(({ isDone, plan }) => !isDone && !this.#isParked(plan.key))) return false;
    return world.homes.every(
      ({ isLost, stores, queue }) =>
        !isLost &&
        stores.keyStore.rows
          .values()
          .every(({ status, key }) => status !== 'PROCESSING' || this.#needsAPerson(stores, key)) &&
        queue.pending.every(({ ticket }) => ticket.reason === 'late-success-watch'),
    );
  }

  /**
   * A charge that is not at the PSP and that nobody can send there, because a failover took its token, or because the
   * PSP may have forgotten its key (protocol rule 5): a client's retry or a person ends it.
   */
  #needsAPerson({ checkpoints, ledger }: World['homes'][number]['stores'], key: ChargeKey): boolean {
    const { world } = this;
    const chargeId = chargeIdOf(key);
    if (world.homeOf(key).forgotten.has(chargeId) && this.#isRecovered) return true;
    const item = checkpoints.items.get(nameOf(key));
    if (item?.request?.checkpoint.step !== 'PSP_PENDING') return false;
    if (world.psp.charges.some((charge) => charge.chargeId === chargeId)) return false;
    const reserved = ledger.read(chargeId).find((entry) => entry.state === 'RESERVED');
    const pendingSinceEpochMs = Math.min(
      item.request.checkpoint.pspPendingSinceEpochMs,
      Date.parse(reserved?.recordedAt ?? '9999'),
    );
    if (START_EPOCH_MS + world.time.nowMs - pendingSinceEpochMs > world.psp.latestCreateMs) {
      world.coverage.hit(LIMITS.parked);
      return true;
    }
    const hasToken = item.paymentMethod?.fingerprint === item.request.fingerprint;
    if (!world.lostTail || !this.#isRecovered || hasToken) return false;
    world.coverage.hit(LIMITS.token);
    return true;
  }

  /** By now recovery has done without the clients what it can. */
  get #isRecovered(): boolean {
    return this.world.time.nowMs > this.world.plan.healAtMs + LONGEST_RECOVERY_MS;
  }

  #isParked(key: ChargeKey): boolean {
    return this.#phase !== 'resting' && this.#needsAPerson(this.world.homeOf(key).stores, key);
  }

  /** Whatever was launched and has not ended is found by a sweep (invariant I3): nobody has to ask for it again. */
  #checkWatched(): void {
    const { homes, history, time } = this.world;
    for (const home of homes) {
      for (const key of home.unwatchedKeys()) {
        if (this.#needsAPerson(home.stores, key)) continue;
        history.violate(time.nowMs, 'I3', `${chargeIdOf(key)} was launched, and nobody watches it`);
      }
    }
  }

  /** @returns for how long there is nothing to check */
  #nextPhase(): number {
    const { world } = this;
    const { time } = world;
    switch (this.#phase) {
      case 'resting':
        this.#checkWatched();
        this.#askForEveryKey('asking');
        return 0;
      case 'asking':
      case 'expired':
        this.#phase = 'watching';
        // Nobody needs the sweeper while only watches are left; a virtual day of it would take its time.
        world.isSweeping = false;
        this.#watchingSinceMs = time.nowMs;
        this.#phaseEndsAtMs = time.nowMs + LONGEST_WATCH_MS;
        return 0;
      case 'watching':
        if (this.#willExpire) return this.#expire();
        this.#end();
        return 0;
      case 'faults':
      case 'over':
        return 0;
    }
  }

  /** The keys expire, what purges and times to live delete is gone or is not, and the keys come back. */
  #expire(): number {
    this.#willExpire = false;
    const afterMs = this.#random.pick(AFTER_EXPIRY_MS) || this.#justBeforeExpiryMs();
    this.world.time.after(afterMs, () => {
      for (const { stores } of this.world.homes) {
        stores.keyStore.purge();
        stores.checkpoints.purge(() => this.#random.chance(0.5));
      }
    });
    this.#askForEveryKey('expired', afterMs);
    return afterMs;
  }

  /** When a key comes back that every clock must still know. */
  #justBeforeExpiryMs(): number {
    const { world } = this;
    const key = this.#random.pick(world.plan.keys);
    const beforeMs = this.#random.between(100, LONGEST_BEFORE_EXPIRY_MS);
    const endedAtMs = world.homeOf(key).rowEndedAtMs.get(nameOf(key)) ?? 0;
    const afterMs = endedAtMs + SETTINGS.retentionSeconds * 1_000 - beforeMs - world.time.nowMs;
    if (afterMs <= 0) return AFTER_EXPIRY_MS[0];
    world.coverage.hit('asked at the end of its retention');
    return afterMs;
  }

  #askForEveryKey(phase: Phase, delayMs = 0): void {
    const { world } = this;
    this.#phase = phase;
    this.#phaseEndsAtMs = world.time.nowMs + delayMs + LONGEST_REST_MS;
    world.coverage.hit(`phase ${phase}`);
    world.plan.keys.forEach((key, index) => {
      // "Nothing was charged, and nothing will be unless you ask again": here nobody does.
      if (world.hasOnlyRefused(key)) return;
      world.addClient({
        ...{ name: `${phase}-${index}`, key, payload: this.#payloadOf(key), startAtMs: delayMs + 10 },
        maximumRequests: 200,
      });
    });
    if (delayMs === 0) return;
    world.time.after(delayMs, () => world.startSweeping());
  }

  /** What the client sent that got its charge in: a client that repeats itself sends the same. */
  #payloadOf(key: ChargeKey): number {
    const { ledger } = this.world.homeOf(key).stores;
    const reserved = ledger.read(chargeIdOf(key)).find((entry) => entry.state === 'RESERVED');
    return reserved === undefined ? 0 : payloadOf(reserved.amountMinor);
  }

  #end(): void {
    const open = this.world.homes.flatMap(({ stores }) =>
      stores.keyStore.rows
        .values()
        .filter(({ status, key }) => status === 'PROCESSING' && !this.#needsAPerson(stores, key))
        .map(({ key }) => `${key.tenantId}/${key.idempotencyKey}`),
    );
    checkHistory(this.world, {
      open,
      isParked: (chargeId) =>
        this.world.plan.keys.some((key) => chargeIdOf(key) === chargeId && this.#isParked(key)),
    });
    this.#phase = 'over';
    this.world.time.wake();
  }
}

/**
 * Runs one history for each seed, one after the other.
 *
 * @param done is told of each result
 */
export async function simulate(
  seeds: Iterable<number>,
  optionsOf: (seed: number) => SimulationOptions,
  done: (result: SimulationResult) => void,
): Promise<void> {
  for (const seed of seeds) done(await simulateOne(optionsOf(seed)));
}

/** Runs one history. */
export async function simulateOne(options: SimulationOptions): Promise<SimulationResult> {
  const simulation = new Simulation(options);
  while (!simulation.isOver) {
    simulation.step();
    await new Promise<void>(whenMicrotasksAreDone);
  }
  // Signals and the messages of other processes are heard between two histories.
  await new Promise(setImmediate);
  return simulation.result;
}

/**
 * Calls back once no microtask is left: all that a step has woken has then run. A tick that is queued by a microtask
 * comes after all of them, as the next turn of the event loop would, which costs several times as much.
 */
function whenMicrotasksAreDone(callback: () => void): void {
  process.nextTick(callback);
}
