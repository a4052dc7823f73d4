import { DEFAULT_PSP_ACCOUNT } from '#contract/psp-accounts';
import type { GateAnswer } from '#gateway/idempotency/charge-gate';
import { chargeIdOf, type ChargeKey } from '#gateway/idempotency/charge-key';

import { START_EPOCH_MS } from '../simulated-process.ts';
import type { World } from './world.ts';

/** The amount tells which body it was. Minor units. */
function amountOf(payload: number): number {
  return 1_000 + payload;
}

export function payloadOf(amountMinor: number): number {
  return amountMinor - 1_000;
}

/** One request of a client, and what it was answered: what the checker reads. */
export interface Invocation {
  readonly client: string;
  readonly key: ChargeKey;
  readonly chargeId: string;
  readonly payload: number;
  readonly sentAtMs: number;
  /** Undefined while, or because, no answer came. */
  answeredAtMs: number | undefined;
  answer: GateAnswer | undefined;
}

const CLIENT_TIMEOUT_MS = 15_000;
const LONGEST_AFTER_REFUSAL_MS = 20_000;

export interface ClientPlan {
  readonly name: string;
  readonly key: ChargeKey;
  /** Which body it sends: 0 is the usual one; another one under the same key is a client's mistake. */
  readonly payload: number;
  readonly startAtMs: number;
  /** Requests that it makes at most; it stops at a final answer. */
  readonly maximumRequests: number;
}

/** A client that asks with one key until it has a final answer, or gives up. It disconnects when it waits too long. */
export class Client {
  readonly plan: ClientPlan;
  isDone = false;
  readonly #world: World;
  readonly #fingerprint: string;
  #requests = 0;

  constructor(world: World, plan: ClientPlan) {
    this.#world = world;
    this.plan = plan;
    this.#fingerprint = `${plan.payload}`.padStart(2, '0').repeat(32);
    world.time.after(plan.startAtMs, () => this.ask());
  }

  ask(): void {
    if (this.#requests >= this.plan.maximumRequests) {
      this.isDone = true;
      return;
    }
    this.#requests += 1;
    const { time, history, random, coverage } = this.#world;
    const { key, payload, name } = this.plan;
    const invocation: Invocation = {
      ...{ client: name, key, chargeId: chargeIdOf(key), payload, sentAtMs: time.nowMs },
      ...{ answeredAtMs: undefined, answer: undefined },
    };
    this.#world.invocations.push(invocation);
    history.record(time.nowMs, name, 'asks', () => `key ${key.idempotencyKey} payload ${payload}`);
    let isOver = false;
    const end = (answer: GateAnswer | undefined): void => {
      if (isOver) return;
      isOver = true;
      if (answer !== undefined) {
        invocation.answeredAtMs = time.nowMs;
        invocation.answer = answer;
        coverage.hit(`answer ${answer.kind}`);
      }
      history.record(time.nowMs, name, answer === undefined ? 'hears nothing' : `hears ${answer.kind}`, () =>
        answer?.kind === 'terminal' ? answer.response.body : '',
      );
      const isFinal = answer?.kind === 'terminal' || answer?.kind === 'mismatch';
      // Who was told that nothing was charged may be in no hurry.
      const longestMs = answer?.kind === 'refused' ? LONGEST_AFTER_REFUSAL_MS : 3_000;
      if (isFinal) this.isDone = true;
      else time.after(random.between(100, longestMs), () => this.ask());
    };
    time.after(CLIENT_TIMEOUT_MS, () => end(undefined));
    this.#world.route(key, `client ${name}`, {
      refused: () => end(undefined),
      arrive: (gateway) => {
        const submission = {
          key,
          fingerprint: this.#fingerprint,
          charge: {
            amountMinor: amountOf(payload),
            currency: 'usd',
            description: undefined,
            reference: undefined,
            metadata: {},
            pspName: this.#world.psp.name,
            pspAccount: DEFAULT_PSP_ACCOUNT,
            createdAt: new Date(START_EPOCH_MS + time.nowMs + gateway.process.wallSkewMs).toISOString(),
            paymentMethod: `${this.#world.psp.tokenPrefix}${payload}`,
          },
        };
        return gateway.submit(submission);
      },
      answered: end,
    });
  }
}
