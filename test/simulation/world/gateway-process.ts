import type { MetricName } from '#contract/metrics';
import { DEFAULT_PSP_ACCOUNT } from '#contract/psp-accounts';
import type { ChargeSubmission, GateAnswer } from '#gateway/idempotency/charge-gate';
import { chargeIdOf, type ChargeKey } from '#gateway/idempotency/charge-key';
import type { CheckpointStore } from '#gateway/idempotency/checkpoint-store';
import type { KeyStore, LeaseHolder } from '#gateway/idempotency/key-store';
import { NO_TRACING } from '#gateway/platform/no-tracing';
import { SagaChargeGate } from '#gateway/idempotency/saga-charge-gate';
import { EventPublishError } from '#gateway/events/event-publisher';
import type { Ledger } from '#gateway/ledger/ledger';
import type { Logger } from '#gateway/platform/logger';
import type { Metrics } from '#gateway/platform/metrics';
import { isBraintreeRefusal } from '#gateway/psp/braintree-failure';
import { BraintreePaymentServiceProvider } from '#gateway/psp/braintree-payment-service-provider';
import { FixedPspDirectory } from '#gateway/psp/fixed-psp-directory';
import type { PaymentServiceProvider } from '#gateway/psp/payment-service-provider';
import { PspSignIn } from '#gateway/psp/psp-sign-in';
import {
  ResilientPaymentServiceProvider,
  resilienceLimits,
} from '#gateway/psp/resilient-payment-service-provider';
import type { Checkpoint } from '#gateway/saga/checkpoint';
import { ChargeExecutor } from '#gateway/saga/charge-executor';
import type { SagaPorts, SagaSettings } from '#gateway/saga/saga-ports';

import { fixedPspCredentials } from '../../support/fixed-psp-credentials.ts';
import { BraintreeModelClient, routeOver } from '../models/braintree-model-client.ts';
import type { BraintreeModel } from '../models/braintree-model.ts';
import { nameOf } from '../models/key-store-model.ts';
import type { StripeModel } from '../models/stripe-model.ts';
import { StripeModelAdapter } from '../models/stripe-model-adapter.ts';
import { SeededRandom } from '../seeded-random.ts';
import { START_EPOCH_MS, type SimulatedProcess } from '../simulated-process.ts';
import type { Home } from './home.ts';
import type { World } from './world.ts';

const BRAINTREE_CREDENTIALS = { merchantId: 'merchant', publicKey: 'public', privateKey: 'private' };
/** Paths that nothing shows but what is logged. */
const PATHS_OF_LINES = new Map([
  ['more than one PSP charge stands for one charge', 'braintree several found'],
]);

/** One task of the gateway: the product's own executor and gate, over the models of what it talks to. */
export class GatewayProcess {
  readonly process: SimulatedProcess;
  /** What the PSP charged last for this task: who dies now never heard of it. */
  lastCharged: { readonly chargeId: string; readonly state: string } | undefined;
  /** A person gives that back at the PSP. */
  refundLastCharged: () => void = () => undefined;
  readonly #world: World;
  readonly #seed: number;
  readonly #settings: SagaSettings;
  /** When an attempt of a charge was last made durable, by no clock of any machine. */
  readonly #attemptMarkedAtMs = new Map<string, number>();
  /** Made once somebody asks for them: many a task of a world never gets anything to do. */
  #executor: ChargeExecutor | undefined;
  #gate: SagaChargeGate | undefined;

  constructor(world: World, process: SimulatedProcess, seed: number, settings: SagaSettings) {
    this.#world = world;
    this.process = process;
    this.#seed = seed;
    this.#settings = settings;
  }

  get executor(): ChargeExecutor {
    this.#executor ??= new ChargeExecutor(this.#ports(new SeededRandom(this.#seed), this.#settings), {
      maximumInFlight: 100,
    });
    return this.#executor;
  }

  submit(submission: ChargeSubmission): Promise<GateAnswer> {
    this.#gate ??= new SagaChargeGate(this.executor, { duplicateWaitMs: 4_000 });
    return this.#gate.submit(submission);
  }

  #ports(random: SeededRandom, settings: SagaSettings): SagaPorts {
    const { process } = this;
    const { clock } = process;
    const metrics = {
      count: (name: MetricName) => this.#world.coverage.hit(`metric ${name}`),
      record: () => undefined,
      gauge: () => undefined,
    };
    const logger = this.#logger();
    const { psp: model } = this.#world;
    const adapter =
      model.name === 'stripe'
        ? this.#stripe(model, settings.pspTimeoutMs)
        : this.#braintree(model, { timeoutMs: settings.pspTimeoutMs, logger, metrics });
    const psp = new ResilientPaymentServiceProvider(adapter, resilienceLimits(settings.pspTimeoutMs), {
      ...{ clock, random, metrics, logger },
    });
    return {
      ...{ clock, random, logger, metrics, settings, tracing: NO_TRACING },
      keyStore: this.#keyStore(),
      checkpoints: this.#checkpoints(),
      ledger: this.#ledger(),
      psps: new FixedPspDirectory([{ pspAccount: DEFAULT_PSP_ACCOUNT, psp }]),
      events: {
        publish: async (_type, detail) => {
          const home = this.#world.homeOfCharge(detail.charge_id);
          const { network, events } = this.#world;
          const endpoint = home.endpoint('eventbridge');
          try {
            await network.callStore(process, endpoint, 'publish', () => events.publish(detail));
          } catch (error) {
            throw new EventPublishError('the bus did not take the event', { cause: error });
          }
        },
      },
      tickets: {
        send: async (ticket, delaySeconds) => {
          const { tenant_id: tenantId, idempotency_key: idempotencyKey } = ticket;
          const home = this.#world.homeOf({ tenantId, idempotencyKey });
          const { queue } = home;
          await this.#world.network.callStore(process, home.endpoint('sqs'), 'send-ticket', () =>
            this.#world.sendTicket(home, queue, ticket, delaySeconds * 1_000),
          );
        },
      },
    };
  }

  #stripe(stripe: StripeModel, timeoutMs: number): PaymentServiceProvider {
    const { network, pspEndpoint: endpoint } = this.#world;
    const { process } = this;
    return new StripeModelAdapter({
      ...{ stripe, network, endpoint, process, timeoutMs },
      onCharged: (charge) => this.#charged(charge, () => stripe.giveBack(charge)),
    });
  }

  /** The product's own adapter: the model stands for the package below it. */
  #braintree(
    braintree: BraintreeModel,
    { timeoutMs, logger, metrics }: { timeoutMs: number; logger: Logger; metrics: Metrics },
  ): PaymentServiceProvider {
    const { network, pspEndpoint, time } = this.#world;
    const { process } = this;
    const client = new BraintreeModelClient({
      ...{ braintree, route: routeOver(network, pspEndpoint, process) },
      markedAtMs: (chargeId) => this.#attemptMarkedAtMs.get(chargeId) ?? time.nowMs,
      onCharged: (sale) => this.#charged(sale, () => braintree.giveBack(sale)),
    });
    const signIn = new PspSignIn({
      ...{ pspName: 'braintree', timeoutMs, isRefusal: isBraintreeRefusal, logger, metrics },
      ...{ credentials: fixedPspCredentials(BRAINTREE_CREDENTIALS), clock: process.clock },
    });
    return new BraintreePaymentServiceProvider(client, signIn, logger);
  }

  #charged(charge: NonNullable<GatewayProcess['lastCharged']>, refund: () => void): void {
    this.lastCharged = charge;
    this.refundLastCharged = refund;
  }

  /** The moments that rule 6 counts from, freed of what this task's clock is wrong by. */
  #noteAttempt(key: ChargeKey, to: Checkpoint): void {
    if (this.#world.psp.name !== 'braintree' || to.step !== 'PSP_PENDING') return;
    const atEpochMs = to.createRepeatedAtEpochMs ?? to.pspPendingSinceEpochMs;
    this.#attemptMarkedAtMs.set(chargeIdOf(key), atEpochMs - START_EPOCH_MS - this.process.wallSkewMs);
  }

  #call<Answer>(
    home: Home,
    store: 'aurora' | 'dynamodb',
    operation: string,
    apply: () => Answer,
  ): Promise<Answer> {
    return this.#world.network.callStore(this.process, home.endpoint(store), operation, apply);
  }

  #keyStore(): KeyStore {
    const at = <Answer>(
      key: ChargeKey,
      operation: string,
      apply: (store: Home['stores']['keyStore'], home: Home) => Answer,
    ): Promise<Answer> => {
      const home = this.#world.homeOf(key);
      const { keyStore } = home.stores;
      return this.#call(home, 'aurora', operation, () => apply(keyStore, home));
    };
    return {
      acquire: (key, request) =>
        at(key, `acquire-${request.mode}`, (store, home) => {
          const wasTerminal = store.rows.get(nameOf(key))?.status === 'TERMINAL';
          const acquisition = store.acquire(key, request);
          if (wasTerminal && acquisition.kind === 'won') this.#checkRetention(home.rowEndedAtMs, key);
          const { kind } = acquisition;
          this.#world.coverage.hit(
            kind === 'won' && acquisition.takeover ? `takeover by ${request.mode}` : `acquire ${kind}`,
          );
          return acquisition;
        }),
      raiseEpoch: (key, holder, atLeast) =>
        at(key, 'raise-epoch', (store) => {
          this.#world.coverage.hit('epoch raised');
          return store.raiseEpoch(key, holder, atLeast);
        }),
      complete: (key, holder, completion) =>
        at(key, 'complete', (store, home) => {
          const wasTerminal = store.rows.get(nameOf(key))?.status === 'TERMINAL';
          const completed = store.complete(key, holder, completion);
          if (!wasTerminal && completed.kind === 'done') {
            home.rowEndedAtMs.set(nameOf(key), this.#world.time.nowMs);
          }
          return completed;
        }),
      release: (key, holder, resumeAfterMs, fingerprint) =>
        at(key, 'release', (store) => store.release(key, holder, resumeAfterMs, fingerprint)),
      free: (key, holder) => at(key, 'free', (store) => store.free(key, holder)),
      peek: (key) => at(key, 'peek', (store) => store.peek(key)),
    };
  }

  #checkpoints(): CheckpointStore {
    const { coverage } = this.#world;
    const at = <Answer>(
      key: ChargeKey,
      operation: string,
      apply: (store: Home['stores']['checkpoints'], home: Home) => Answer,
    ): Promise<Answer> => {
      const home = this.#world.homeOf(key);
      const { checkpoints } = home.stores;
      return this.#call(home, 'dynamodb', operation, () => apply(checkpoints, home));
    };
    const nowEpochMs = (): number => this.process.clock.nowEpochMs();
    return {
      read: (key) =>
        at(key, 'read-checkpoint', (store, home) => {
          const read = store.read(key, nowEpochMs());
          const step = store.items.get(nameOf(key))?.request?.checkpoint.step;
          if (read.kind === 'absent' && step !== undefined) this.#checkRetention(home.itemEndedAtMs, key);
          return read;
        }),
      launch: (key, holder, launch) =>
        at(key, 'launch', (store) => {
          const launched = store.launch(key, holder, launch);
          const step = launched.kind === 'launched' ? launched.record.checkpoint.step : 'fenced';
          coverage.hit(`launch over ${step}`);
          return launched;
        }),
      advance: (key, holder, advance) => {
        const writtenEpochMs = nowEpochMs();
        this.#noteAttempt(key, advance.to);
        return at(key, `advance-${advance.to.step}`, (store, home) => {
          const advanced = store.advance(key, holder, advance, writtenEpochMs);
          const { step } = advance.to;
          if (advanced.kind === 'advanced' && (step === 'SETTLED' || step === 'VOIDED')) {
            home.itemEndedAtMs.set(nameOf(key), this.#world.time.nowMs);
            this.#checkEpoch(home, key, holder);
          }
          coverage.hit(`advance ${advance.to.step} ${advanced.kind}`);
          if ('createRepeatedAtEpochMs' in advance.to) coverage.hit('attempt after an empty search');
          return advanced;
        });
      },
      fence: (key, holder, retentionSeconds) =>
        at(key, 'fence', (store) => {
          const fenced = store.fence(key, holder, retentionSeconds, nowEpochMs());
          coverage.hit(`fence ${fenced.kind}`);
          return fenced;
        }),
      refill: (record, retentionSeconds) =>
        at(record.key, 'refill', (store) => store.refill(record, retentionSeconds, nowEpochMs())),
    };
  }

  /** What was answered is kept for as long as was promised, by whatever clock (protocol rule 17). */
  #checkRetention(endedAtMs: ReadonlyMap<string, number>, key: ChargeKey): void {
    const { history, time } = this.#world;
    const ageMs = time.nowMs - (endedAtMs.get(nameOf(key)) ?? -Infinity);
    if (ageMs >= this.#settings.retentionSeconds * 1_000) return;
    history.violate(time.nowMs, 'retention', `${chargeIdOf(key)}: expired ${ageMs} ms after its end`);
  }

  /** Who ends a charge has read what all stores know, and has a higher epoch than any of them (protocol rule 9). */
  #checkEpoch({ stores }: Home, key: ChargeKey, { epoch }: LeaseHolder): void {
    const { history, time } = this.#world;
    const highest = Math.max(...stores.ledger.read(chargeIdOf(key)).map((entry) => entry.epoch));
    if (epoch >= highest) return;
    history.violate(
      time.nowMs,
      'I7',
      `${chargeIdOf(key)}: ended by epoch ${epoch}, the ledger knows ${highest}`,
    );
  }

  #ledger(): Ledger {
    const { coverage } = this.#world;
    const at = <Answer>(
      chargeId: string,
      operation: string,
      apply: (store: Home['stores']['ledger']) => Answer,
    ): Promise<Answer> => {
      const home = this.#world.homeOfCharge(chargeId);
      const { ledger } = home.stores;
      return this.#call(home, 'dynamodb', operation, () => apply(ledger));
    };
    return {
      append: (entry) =>
        at(entry.chargeId, `append-${entry.state}`, (store) => {
          const appended = store.append(entry);
          coverage.hit(`append ${entry.state} ${appended.kind}`);
          return appended;
        }),
      read: (chargeId) => at(chargeId, 'read-ledger', (store) => store.read(chargeId)),
    };
  }

  #logger(): Logger {
    const { history, time, coverage } = this.#world;
    const line = (level: string) => (fields: object, message: string) => {
      history.record(time.nowMs, this.process.name, `${level}: ${message}`, () => fieldsOf(fields));
      const path = PATHS_OF_LINES.get(message);
      if (path !== undefined) coverage.hit(path);
      if (level === 'error' && /defect|contradict|threw/.test(message)) {
        history.violate(time.nowMs, 'defect', `${message} ${fieldsOf(fields)}`);
      }
    };
    return { debug: () => undefined, info: line('info'), warn: line('warn'), error: line('error') };
  }
}

function fieldsOf(fields: object): string {
  return Object.entries(fields)
    .map(
      ([name, value]) => `${name}=${value instanceof Error ? (value.stack ?? value.message) : String(value)}`,
    )
    .join(' ');
}
