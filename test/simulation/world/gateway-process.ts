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
import { FixedPspDirectory } from '#gateway/psp/fixed-psp-directory';
import {
  ResilientPaymentServiceProvider,
  resilienceLimits,
} from '#gateway/psp/resilient-payment-service-provider';
import { ChargeExecutor } from '#gateway/saga/charge-executor';
import type { SagaPorts, SagaSettings } from '#gateway/saga/saga-ports';

import { nameOf } from '../models/key-store-model.ts';
import type { ModelCharge } from '../models/stripe-model.ts';
import { StripeModelAdapter } from '../models/stripe-model-adapter.ts';
import { SeededRandom } from '../seeded-random.ts';
import type { SimulatedProcess } from '../simulated-process.ts';
import type { Home } from './home.ts';
import type { World } from './world.ts';

/** One task of the gateway: the product's own executor and gate, over the models of what it talks to. */
export class GatewayProcess {
  readonly process: SimulatedProcess;
  /** What Stripe charged last for this task: who dies now never heard of it. */
  lastCharged: ModelCharge | undefined;
  readonly #world: World;
  readonly #seed: number;
  readonly #settings: SagaSettings;
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
    const adapter = new StripeModelAdapter({
      stripe: this.#world.stripe,
      network: this.#world.network,
      endpoint: this.#world.stripeEndpoint,
      process,
      timeoutMs: settings.pspTimeoutMs,
      onCharged: (charge) => (this.lastCharged = charge),
    });
    const stripe = new ResilientPaymentServiceProvider(adapter, resilienceLimits(settings.pspTimeoutMs), {
      ...{ clock, random, metrics, logger },
    });
    return {
      ...{ clock, random, logger, metrics, settings, tracing: NO_TRACING },
      keyStore: this.#keyStore(),
      checkpoints: this.#checkpoints(),
      ledger: this.#ledger(),
      psps: new FixedPspDirectory([{ pspAccount: DEFAULT_PSP_ACCOUNT, psp: stripe }]),
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
        return at(key, `advance-${advance.to.step}`, (store, home) => {
          const advanced = store.advance(key, holder, advance, writtenEpochMs);
          const { step } = advance.to;
          if (advanced.kind === 'advanced' && (step === 'SETTLED' || step === 'VOIDED')) {
            home.itemEndedAtMs.set(nameOf(key), this.#world.time.nowMs);
            this.#checkEpoch(home, key, holder);
          }
          coverage.hit(`advance ${advance.to.step} ${advanced.kind}`);
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
    const { history, time } = this.#world;
    const line = (level: string) => (fields: object, message: string) => {
      history.record(time.nowMs, this.process.name, `${level}: ${message}`, () => fieldsOf(fields));
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
