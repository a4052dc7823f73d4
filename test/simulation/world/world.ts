import type { PaymentEventDetail } from '#contract/events';
import type { RecoveryTicket } from '#contract/recovery-ticket';
import type { GateAnswer } from '#gateway/idempotency/charge-gate';
import { chargeIdOf, type ChargeKey } from '#gateway/idempotency/charge-key';
import type { SagaSettings } from '#gateway/saga/saga-ports';

import type { Coverage } from '../coverage.ts';
import { LIMITS } from '../checks/limits.ts';
import { reasonOfSecondSale } from '../checks/second-sale.ts';
import { FaultPlan } from '../fault-plan.ts';
import type { History } from '../history.ts';
import {
  BRAINTREE_BEHAVIOURS,
  BraintreeModel,
  DUPLICATE_WINDOW_MS,
  type BraintreeTransaction,
} from '../models/braintree-model.ts';
import { nameOf } from '../models/key-store-model.ts';
import { StripeModel, type ModelCharge } from '../models/stripe-model.ts';
import { Network, type Endpoint } from '../network.ts';
import { mix, SeededRandom } from '../seeded-random.ts';
import { SimulatedProcess, START_EPOCH_MS } from '../simulated-process.ts';
import { VirtualTime } from '../virtual-time.ts';
import { Client, type ClientPlan, type Invocation } from './client.ts';
import { EventBusModel } from './event-bus-model.ts';
import { GatewayProcess } from './gateway-process.ts';
import { Home } from './home.ts';
import type { QueuedTicket, TicketQueue } from './ticket-queue.ts';

const REGIONS = 2;
const TASKS_PER_REGION = 2;
const RESTART_AFTER_MS = 1_500;
const TICKET_VISIBILITY_MS = 3_000;
const SWEEP_INTERVAL_MS = 2_000;
/** The lease of a region on its slots: a survivor waits for its end. */
const REGION_LEASE_MS = 5_000;
/** Stripe forgets a key after 24 hours at the earliest. */
const PSP_KEY_RETENTION_MS = 24 * 3_600_000;
const LONGEST_SEARCH_LAG_MS = 8_000;
const LONGEST_CLOCK_SKEW_MS = 20_000;
const LONGEST_REPLICATION_LAG_MS = 1_500;
/** From the moment that a write carries to the moment when it is done, at the latest. */
const LONGEST_WRITE_MS = 2_000;
/** The hour of the settlement may come at once, or within the day. */
const SOON_MS = 60_000;
const DAY_MS = 24 * 3_600_000;

export const SETTINGS = {
  leaseMs: 8_000,
  pspTimeoutMs: 1_500,
  settleReserveMs: 1_000,
  unresolvedAfterMs: 12_000,
  retentionSeconds: 86_400,
} as const;

/** What a world is made of; drawn from the seed, so that worlds differ in kind and not only in detail. */
export interface WorldPlan {
  readonly seed: number;
  readonly pspName: 'stripe' | 'braintree';
  /** When the faults end. */
  readonly healAtMs: number;
  readonly faultRate: number;
  readonly pspFaultRate: number;
  readonly clients: readonly ClientPlan[];
  readonly keys: readonly ChargeKey[];
  /** When a region is lost, and which. */
  readonly regionLoss: { readonly atMs: number; readonly region: number } | undefined;
  /** Moments at which a part of the world stops answering for a while. */
  readonly outages: readonly { readonly atMs: number; readonly forMs: number; readonly what: string }[];
  /** For how long no task runs at all, longer than the PSP remembers its keys; mostly 0. */
  readonly longNightMs: number;
  /** Stripe approves a part of what it is asked for, of some charges. */
  readonly approvesInPart: boolean;
  readonly suppressed: ReadonlySet<number>;
}

export interface Route {
  refused(): void;
  arrive(gateway: GatewayProcess): Promise<GateAnswer>;
  answered(answer: GateAnswer): void;
}

/** Two regions with all that is in them, the PSP, and the clients. */
export class World {
  readonly time = new VirtualTime();
  readonly history: History;
  readonly coverage: Coverage;
  readonly faults: FaultPlan;
  readonly random: SeededRandom;
  readonly network: Network;
  readonly psp: StripeModel | BraintreeModel;
  readonly pspEndpoint: Endpoint;
  readonly events = new EventBusModel();
  readonly homes: Home[] = [];
  readonly clients: Client[] = [];
  readonly invocations: Invocation[] = [];
  readonly plan: WorldPlan;
  /** A region was lost with what was not replicated yet. */
  lostTail = false;
  isSweeping = true;
  #isPspDown = false;
  #lostAtMs: number | undefined;
  readonly #gateways: GatewayProcess[] = [];
  readonly #homeByName = new Map<string, Home>();
  readonly #homeByCharge = new Map<string, Home>();
  #incarnations = 0;
  #nightEndsAtMs = 0;

  constructor(plan: WorldPlan, history: History, coverage: Coverage) {
    this.plan = plan;
    this.history = history;
    this.coverage = coverage;
    const { seed } = plan;
    this.random = new SeededRandom(mix(seed, 10));
    this.faults = new FaultPlan(
      { seed: mix(seed, 11), rate: plan.faultRate, suppressed: plan.suppressed },
      coverage,
    );
    this.network = new Network({
      ...{ time: this.time, faults: this.faults, history, random: new SeededRandom(mix(seed, 12)) },
      longestPauseMs: 3 * SETTINGS.leaseMs,
      onCrash: (process, after) => this.crash(process, after),
    });
    this.psp = this.#newPsp(new SeededRandom(mix(seed, 13)));
    this.pspEndpoint = { name: this.psp.name, isDown: () => this.#isPspDown, isMuteFor: () => false };
    this.#populate();
  }

  #newPsp(random: SeededRandom): StripeModel | BraintreeModel {
    const { time, coverage, plan } = this;
    const faultRate = (): number => (this.faults.isActive ? plan.pspFaultRate : 0);
    const options = {
      ...{ time, coverage, random, longestSearchLagMs: LONGEST_SEARCH_LAG_MS },
      onChange: (charge: ModelCharge | BraintreeTransaction) => this.#chargeChanged(charge),
    };
    const { approvesInPart } = plan;
    if (plan.pspName === 'stripe') return new StripeModel({ ...options, faultRate, approvesInPart });
    return new BraintreeModel({
      ...options,
      startEpochMs: START_EPOCH_MS,
      behaviourOf: () => {
        const drawn = random.pick(BRAINTREE_BEHAVIOURS);
        return random.chance(faultRate()) ? drawn : 'approve';
      },
      duplicateWindowMs: random.chance(0.5) ? DUPLICATE_WINDOW_MS : 0,
      firstSettlementAtMs: random.between(0, random.chance(0.5) ? SOON_MS : DAY_MS),
    });
  }

  homeOf(key: ChargeKey): Home {
    const home = this.#homeByName.get(nameOf(key));
    if (home === undefined) throw new Error(`no home for ${nameOf(key)}`);
    return home;
  }

  homeOfCharge(chargeId: string): Home {
    const home = this.#homeByCharge.get(chargeId);
    if (home === undefined) throw new Error(`no home for ${chargeId}`);
    return home;
  }

  /** Takes a request to a task of the home region; another region forwards it there, over one hop more. */
  route(key: ChargeKey, client: string, route: Route): void {
    const { region, isLost } = this.homeOf(key);
    const gateways = isLost
      ? []
      : this.#gateways.filter(({ process }) => process.isAlive && process.region === region);
    const fate = this.faults.fateOf('http');
    const gateway = gateways[this.random.word() % Math.max(1, gateways.length)];
    const goMs = this.random.between(1, 80);
    const backMs = this.random.between(1, 80);
    if (gateway === undefined || fate === 'refused') {
      this.time.after(goMs, () => route.refused());
      return;
    }
    if (fate !== 'ok') this.history.record(this.time.nowMs, client, `http ${fate}`);
    if (fate === 'request-lost') return;
    const isHeard = fate !== 'answer-lost' && fate !== 'late';
    this.time.after(fate === 'late' ? goMs + 20_000 : goMs, () =>
      gateway.process.deliver(() => {
        void route.arrive(gateway).then((answer) => {
          if (isHeard) this.time.after(backMs, () => route.answered(answer));
        });
      }),
    );
  }

  /** @param after what it had done when it died, and never heard of */
  crash(process: SimulatedProcess, after?: string): void {
    if (!process.isAlive) return;
    process.crash();
    this.history.record(this.time.nowMs, process.name, 'is killed');
    const index = this.#gateways.findIndex((gateway) => gateway.process === process);
    const gateway = this.#gateways[index];
    if (gateway === undefined) return;
    if (after === 'psp-charge') this.#refundedInTheDark(gateway);
    const restartAfterMs = RESTART_AFTER_MS + Math.max(0, this.#nightEndsAtMs - this.time.nowMs);
    this.time.after(restartAfterMs, () => (this.#gateways[index] = this.#startGateway(process.region)));
  }

  sendTicket(home: Home, queue: TicketQueue, ticket: RecoveryTicket, delayMs: number): void {
    const queued = queue.send(ticket, this.time.nowMs + delayMs);
    this.coverage.hit(`ticket ${ticket.reason}`);
    this.time.after(delayMs, () => this.#receive(home, queue, queued));
    // At least once, and sometimes twice.
    if (this.faults.happens('ticket-twice', this.plan.faultRate)) {
      this.time.after(delayMs + 50, () => this.#receive(home, queue, queued));
    }
  }

  /** Faults stop; whoever died was started again already. */
  heal(): void {
    this.history.record(this.time.nowMs, 'WORLD', 'heals');
    this.faults.isActive = false;
    this.network.heal();
    this.#isPspDown = false;
    for (const home of this.homes) home.down.clear();
  }

  addClient(plan: ClientPlan): Client {
    const client = new Client(this, plan);
    this.clients.push(client);
    return client;
  }

  startSweeping(): void {
    this.isSweeping = true;
    for (const home of this.homes) this.#sweepLater(home);
  }

  #populate(): void {
    const { plan, time, history, random } = this;
    for (let index = 0; index < REGIONS; index += 1) {
      this.homes.push(new Home({ index, time, history, databaseSkewMs: this.#skewMs() }));
      for (let task = 0; task < TASKS_PER_REGION; task += 1) this.#gateways.push(this.#startGateway(index));
    }
    plan.keys.forEach((key) => {
      const home = this.homes[random.word() % REGIONS];
      if (home === undefined) throw new Error('a region has a home');
      this.#homeByName.set(nameOf(key), home);
      this.#homeByCharge.set(chargeIdOf(key), home);
    });
    for (const client of plan.clients) this.addClient(client);
    for (const outage of plan.outages) time.after(outage.atMs, () => this.#beginOutage(outage));
    const { regionLoss } = plan;
    if (regionLoss !== undefined) time.after(regionLoss.atMs, () => this.#loseRegion(regionLoss.region));
    if (plan.longNightMs > 0) time.after(plan.regionLoss?.atMs ?? 1_000, () => this.#fallAsleep());
    this.startSweeping();
  }

  /** Every task dies, and for longer than the PSP remembers a key none is started. */
  #fallAsleep(): void {
    if (!this.faults.happens('long-night', 1)) return;
    this.history.record(this.time.nowMs, 'WORLD', 'no task runs any more');
    this.#nightEndsAtMs = this.time.nowMs + this.plan.longNightMs;
    for (const { process } of this.#gateways) this.crash(process);
    this.isSweeping = false;
    this.time.after(this.plan.longNightMs, () => this.startSweeping());
  }

  #skewMs(): number {
    return this.random.between(-LONGEST_CLOCK_SKEW_MS, LONGEST_CLOCK_SKEW_MS);
  }

  #startGateway(region: number): GatewayProcess {
    this.#incarnations += 1;
    const name = `gateway-${region}.${this.#incarnations}`;
    const process = new SimulatedProcess(this.time, { name, region, wallSkewMs: this.#skewMs() });
    const settings: SagaSettings = { ...SETTINGS, region: `region-${region}` };
    return new GatewayProcess(this, process, mix(this.plan.seed, 20, this.#incarnations), settings);
  }

  #receive(home: Home, queue: TicketQueue, queued: QueuedTicket): void {
    // A queue that was lost with its region delivers nothing any more.
    if (queued.isDeleted || home.queue !== queue) return;
    const gateways = this.#gateways.filter(
      ({ process }) => process.isAlive && !process.isPaused && process.region === home.region,
    );
    const gateway = gateways[this.random.word() % Math.max(1, gateways.length)];
    const again = (): void => {
      const visibleAfterMs = Math.max(TICKET_VISIBILITY_MS, this.#nightEndsAtMs - this.time.nowMs);
      this.time.after(visibleAfterMs, () => this.#receive(home, queue, queued));
    };
    if (gateway === undefined || home.isLost) {
      again();
      return;
    }
    queued.receiveCount += 1;
    let isWorking = true;
    const watch = (): void => {
      this.time.after(TICKET_VISIBILITY_MS, () => {
        if (!isWorking) return;
        if (gateway.process.isAlive && !gateway.process.isPaused) watch();
        else this.#receive(home, queue, queued);
      });
    };
    watch();
    gateway.process.deliver(() => {
      gateway.executor.resume(queued.ticket).then(
        (result) => {
          isWorking = false;
          if (result === 'done') queued.isDeleted = true;
          else again();
        },
        () => {
          isWorking = false;
          again();
        },
      );
    });
  }

  #sweepLater(home: Home): void {
    this.time.after(SWEEP_INTERVAL_MS, () => {
      if (!this.isSweeping) return;
      if (!home.isLost && !home.down.has('aurora')) this.#sweep(home);
      this.#sweepLater(home);
    });
  }

  #sweep(home: Home): void {
    const { keyStore } = home.stores;
    const found = keyStore.expiredLeases();
    for (const { tenantId, idempotencyKey } of found.keys) {
      const ticket = {
        tenant_id: tenantId,
        idempotency_key: idempotencyKey,
        reason: 'lease-expired',
      } as const;
      // As one that was received five times in vain: it is with the dead letters.
      if (this.faults.happens('ticket-lost', this.plan.faultRate)) continue;
      this.sendTicket(home, home.queue, ticket, this.random.between(5, 300));
    }
    if (found.keys.length === 0 || this.faults.happens('mark-lost', this.plan.faultRate)) return;
    // A ticket may have been followed by then.
    this.time.after(this.random.between(1, 400), () => keyStore.markTicketed(found));
  }

  #beginOutage({ forMs, what: planned }: WorldPlan['outages'][number]): void {
    const what = planned === 'stripe' ? this.psp.name : planned;
    if (!this.faults.happens(what === 'partition' ? 'partition' : `outage ${what}`, 1)) return;
    this.history.record(this.time.nowMs, 'WORLD', `${what} for ${forMs} ms`);
    if (what === this.psp.name) {
      this.#isPspDown = true;
      this.time.after(forMs, () => (this.#isPspDown = false));
      return;
    }
    if (what === 'partition') {
      const gateway = this.random.pick(this.#gateways);
      const store = this.random.pick(['aurora', 'dynamodb', 'sqs', 'eventbridge'] as const);
      for (const home of this.homes) this.network.cut(gateway.process, home.endpoint(store).name);
      this.time.after(forMs, () => this.network.heal());
      return;
    }
    for (const home of this.homes) {
      home.down.add(what);
      this.time.after(forMs, () => home.down.delete(what));
    }
  }

  /** All of a region is gone at once, and with it what its stores had not replicated. */
  #loseRegion(region: number): void {
    if (!this.faults.happens('region-loss', 1)) return;
    this.history.record(this.time.nowMs, 'WORLD', `region ${region} is lost`);
    this.lostTail = true;
    this.#lostAtMs = this.time.nowMs;
    for (const gateway of this.#gateways) if (gateway.process.region === region) this.crash(gateway.process);
    for (const home of this.homes.filter((one) => one.region === region)) {
      home.lose();
      this.time.after(REGION_LEASE_MS + this.random.between(0, 2_000), () => this.#takeOver(home, region));
    }
  }

  #takeOver(home: Home, lostRegion: number): void {
    const lagMs = (): number => this.random.between(0, LONGEST_REPLICATION_LAG_MS);
    const lag = { keyStoreMs: lagMs(), checkpointsMs: lagMs(), ledgerMs: lagMs() };
    home.moveTo((lostRegion + 1) % REGIONS, lag, this.#skewMs());
    this.history.record(this.time.nowMs, 'WORLD', `region ${home.region} takes home ${home.index} over`, () =>
      JSON.stringify(lag),
    );
    // The tail is swept: whatever the lost region touched goes through the runner once, terminal or not.
    for (const { tenantId, idempotencyKey } of home.knownKeys()) {
      const ticket = {
        tenant_id: tenantId,
        idempotency_key: idempotencyKey,
        reason: 'lease-expired',
      } as const;
      this.sendTicket(home, home.queue, ticket, this.random.between(5, 300));
    }
  }

  /** A person gives back at the PSP what a task charged and died of, before anybody else has heard of it. */
  #refundedInTheDark(gateway: GatewayProcess): void {
    const { lastCharged } = gateway;
    if (lastCharged?.state !== 'captured') return;
    const { ledger, keyStore } = this.homeOfCharge(lastCharged.chargeId).stores;
    const isDecided = ledger.read(lastCharged.chargeId).some(({ state }) => state !== 'RESERVED');
    // Between a look at the PSP and our decision nobody can stop a person; here nobody else has looked yet.
    const row = keyStore.rows.values().find(({ key }) => chargeIdOf(key) === lastCharged.chargeId);
    const isFirstRun = row !== undefined && row.epoch % 2 ** 40 === 1;
    if (isDecided || !isFirstRun || !this.faults.happens('refund by a person', 0.3)) return;
    gateway.refundLastCharged();
  }

  #chargeChanged(charge: ModelCharge | BraintreeTransaction): void {
    this.history.record(
      this.time.nowMs,
      this.psp.name,
      `${charge.id} is ${charge.state}`,
      () => charge.chargeId,
    );
    if (this.psp.name === 'braintree') {
      this.#checkSales(charge, this.psp);
      return;
    }
    const standing = this.psp.charges.filter(
      ({ chargeId, state }) => chargeId === charge.chargeId && state === 'captured',
    );
    if (standing.length > 1 && this.#isForgottenByAll(charge.chargeId)) {
      this.coverage.hit(LIMITS.forgotten);
    } else if (standing.length > 1) {
      const ids = standing.map(({ id }) => id).join(' and ');
      this.history.violate(this.time.nowMs, 'I1', `${charge.chargeId} is charged as ${ids}`);
    }
  }

  /** A PSP without keys: several sales stand for a while only where an attempt was later than rule 6 says. */
  #checkSales(
    { id: changedId, chargeId, state }: { id: string; chargeId: string; state: string },
    psp: BraintreeModel,
  ): void {
    const { history, time, coverage } = this;
    const standing = psp.charges.filter((one) => one.chargeId === chargeId && one.isStanding);
    if (state === 'voided' && standing.length > 0) coverage.hit('braintree one of several given back');
    if (standing.length < 2 || standing.every(({ id }) => id !== changedId)) return;
    const atMs = this.#lostAtMs;
    const reason = reasonOfSecondSale(standing, {
      arrivalMs: SETTINGS.leaseMs + SETTINGS.pspTimeoutMs,
      loss: atMs === undefined ? undefined : { atMs, tailMs: LONGEST_REPLICATION_LAG_MS + LONGEST_WRITE_MS },
    });
    if (reason !== 'none') {
      coverage.hit(reason === 'late' ? LIMITS.lateAttempt : LIMITS.attempt);
      return;
    }
    const ids = standing.map(({ id }) => id).join(' and ');
    history.violate(time.nowMs, 'I1', `${chargeId} is charged as ${ids}, and no attempt was late`);
  }

  /** Neither our stores, because of a lost region, nor the PSP, because a day has passed, know the charge any more. */
  #isForgottenByAll(chargeId: string): boolean {
    return this.homeOfCharge(chargeId).forgotten.has(chargeId) && this.time.nowMs > PSP_KEY_RETENTION_MS;
  }

  /** Whether all that clients were ever answered for this key is that nothing was charged. */
  hasOnlyRefused(key: ChargeKey): boolean {
    const own = this.invocations.filter((one) => nameOf(one.key) === nameOf(key));
    return own.length > 0 && own.every(({ answer }) => answer?.kind === 'refused');
  }

  /** For the checker: events by charge. */
  eventsOf(chargeId: string): PaymentEventDetail[] {
    return this.events.events.filter(({ charge_id }) => charge_id === chargeId);
  }
}
