import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { chargeIdOf } from '#gateway/idempotency/charge-key';
import { DEMO_TENANTS } from '#local-cloud/demo-tenants';

import type { ActAnswer, ChargeAct } from './charge-facts.ts';
import { postCharge, type GatewayAnswer } from './gateway-request.ts';
import { type GatewayTask, type GatewayTasks, NoSuchTaskError } from './gateway-tasks.ts';
import type { PspObserver } from './psp-observer.ts';
import type { OpenAct, SentCharge, SentCharges } from './sent-charges.ts';
import type { TableReader } from './table-reader.ts';
import { taskOfConnection } from './task-of-connection.ts';

/** The task is killed when the PSP is being asked, or not at all. */
const AT_PSP_WITHIN_MS = 10_000;
const BETWEEN_LOOKS_MS = 20;
const FINAL_STATUSES = [201, 402];

/** What a person asked for does not make sense; the message says why. */
export class ConsoleRequestError extends Error {
  override readonly name = 'ConsoleRequestError';
}

export interface NewCharge {
  readonly tenantId: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly paymentMethod: string;
  readonly description?: string | undefined;
  /** Requests with the same key, all at the same moment. */
  readonly copies: number;
  /** `kill -9` of the task that runs it, as soon as the PSP is being asked. */
  readonly killAtPsp: boolean;
}

export interface ConsoleActionsOptions {
  readonly gatewayUrl: string;
  readonly tasks: GatewayTasks;
  readonly tables: TableReader;
  /** Undefined where the PSP is not the simulator. */
  readonly psp: PspObserver | undefined;
  readonly sent: SentCharges;
}

/** What a person can do on the page. Nothing waits for a charge's end: the page sees it come. */
export class ConsoleActions {
  readonly #options: ConsoleActionsOptions;
  /** The first final answer of each charge, which every later one has to equal. */
  readonly #finalTexts = new Map<string, string>();

  constructor(options: ConsoleActionsOptions) {
    this.#options = options;
  }

  /**
   * Sends a charge under a new key.
   *
   * @returns its id
   * @throws ConsoleRequestError
   */
  sendCharge(charge: NewCharge): string {
    const { tenantId, amountMinor, currency, paymentMethod, description, copies, killAtPsp } = charge;
    if (!DEMO_TENANTS.some((tenant) => tenant.tenantId === tenantId)) {
      throw new ConsoleRequestError(`${tenantId} is none of the demo tenants`);
    }
    const idempotencyKey = randomUUID();
    const chargeId = chargeIdOf({ tenantId, idempotencyKey });
    const sent = {
      ...{ chargeId, tenantId, idempotencyKey, amountMinor, currency, paymentMethod, description },
      sentAt: new Date().toISOString(),
    };
    this.#options.sent.add(sent);
    this.#send(sent, 'first', amountMinor);
    for (let copy = 1; copy < copies; copy += 1) this.#send(sent, 'at-once', amountMinor);
    if (killAtPsp) void this.#killAtPsp(sent);
    return chargeId;
  }

  /**
   * Sends a charge's request again, under the same key.
   *
   * @param options.amountMinor another amount than the first time: the gateway has to refuse it
   * @throws ConsoleRequestError for a charge that was not sent from here: nobody knows its payment method any more
   */
  repeat(
    chargeId: string,
    options: { readonly copies: number; readonly amountMinor?: number | undefined },
  ): void {
    const sent = this.#sent(chargeId);
    const amountMinor = options.amountMinor ?? sent.amountMinor;
    const kind = amountMinor !== sent.amountMinor ? 'other-amount' : options.copies > 1 ? 'at-once' : 'again';
    for (let copy = 0; copy < options.copies; copy += 1) this.#send(sent, kind, amountMinor);
  }

  /**
   * `kill -9` of a task, noted with every charge that it was asked for.
   *
   * @throws NoSuchTaskError
   */
  killTask(task: GatewayTask): void {
    const { tasks, sent } = this.#options;
    const chargeIds = sent.openOn(task.pid);
    tasks.kill(task);
    for (const chargeId of chargeIds) this.#noteKill(chargeId, task);
  }

  /**
   * `kill -9` of the task that a charge's open request is with.
   *
   * @throws NoSuchTaskError where none is open, or where it is not known which task has it
   */
  killTaskOf(chargeId: string): void {
    const open = this.#options.sent.actsOf(chargeId).find(isOpenRequest);
    if (open?.task === undefined) throw new NoSuchTaskError('no task is known to run this charge');
    this.killTask(open.task);
  }

  #sent(chargeId: string): SentCharge {
    const sent = this.#options.sent.find(chargeId);
    if (sent === undefined) {
      throw new ConsoleRequestError(
        'this charge was not sent from this console: its payment method is sealed, and cannot be sent again',
      );
    }
    return sent;
  }

  #noteKill(chargeId: string, task: GatewayTask): void {
    const at = new Date().toISOString();
    this.#options.sent.note(chargeId, {
      ...{ kind: 'kill', at, task, amountMinor: undefined },
      answer: { kind: 'done' },
    });
  }

  #send(sent: SentCharge, kind: ChargeAct['kind'], amountMinor: number): void {
    const act = this.#options.sent.note(sent.chargeId, {
      ...{ kind, at: new Date().toISOString(), task: undefined, amountMinor },
      answer: { kind: 'waiting' },
    });
    const startedAtMs = performance.now();
    const elapsedMs = (): number => Math.round(performance.now() - startedAtMs);
    postCharge({
      gatewayUrl: this.#options.gatewayUrl,
      apiKey: DEMO_TENANTS.find(({ tenantId }) => tenantId === sent.tenantId)?.apiKey ?? '',
      idempotencyKey: sent.idempotencyKey,
      body: {
        amount: amountMinor,
        currency: sent.currency,
        payment_method: sent.paymentMethod,
        ...(sent.description === undefined ? {} : { description: sent.description }),
      },
      onConnected: (connection) => this.#findTask(act, connection),
    }).then(
      (answer) => (act.answer = this.#answered(sent.chargeId, answer, elapsedMs())),
      (error: unknown) => (act.answer = { kind: 'broken', durationMs: elapsedMs(), says: brokenText(error) }),
    );
  }

  async #findTask(
    act: OpenAct,
    connection: { readonly localPort: number; readonly remotePort: number },
  ): Promise<void> {
    const tasks = this.#options.tasks.list();
    const pids = tasks.map(({ pid }) => pid);
    const owner = await taskOfConnection(connection, pids).catch(() => undefined);
    act.task = tasks.find(({ pid }) => pid === owner);
  }

  #answered(chargeId: string, { status, replayed, text }: GatewayAnswer, durationMs: number): ActAnswer {
    const isFinal = FINAL_STATUSES.includes(status);
    if (isFinal && !this.#finalTexts.has(chargeId)) this.#finalTexts.set(chargeId, text);
    const isSameBytes = isFinal ? this.#finalTexts.get(chargeId) === text : undefined;
    return { kind: 'answered', status, replayed, durationMs, isSameBytes, says: saysOf(text) };
  }

  /** Waits until the charge is with the PSP, then kills the task that its request is with. */
  async #killAtPsp(sent: SentCharge): Promise<void> {
    const deadlineMs = performance.now() + AT_PSP_WITHIN_MS;
    while (performance.now() < deadlineMs) {
      const open = this.#options.sent.actsOf(sent.chargeId).find(isOpenRequest);
      if (open === undefined) return;
      if (open.task !== undefined && (await this.#isAtPsp(sent))) {
        try {
          this.killTask(open.task);
        } catch (error) {
          if (!(error instanceof NoSuchTaskError)) throw error;
        }
        return;
      }
      await sleep(BETWEEN_LOOKS_MS);
    }
  }

  async #isAtPsp(sent: SentCharge): Promise<boolean> {
    const { tables, psp } = this.#options;
    const found = await tables.checkpoint(sent.tenantId, sent.idempotencyKey).catch(() => undefined);
    if (found?.checkpoint.step !== 'PSP_PENDING') return false;
    const facts = await psp?.chargesOf(sent, found.pspName).catch(() => undefined);
    return facts?.createCalls !== 0;
  }
}

function isOpenRequest({ kind, answer }: ChargeAct): boolean {
  return kind !== 'kill' && answer.kind === 'waiting';
}

function brokenText(error: unknown): string {
  const code = (error as { code?: unknown }).code;
  if (code === 'ECONNRESET') return 'the connection broke: whether anything happened is not known';
  return error instanceof Error ? error.message : String(error);
}

/** The title of a problem and the field it names, or the status of a charge. */
function saysOf(text: string): string {
  try {
    const body = JSON.parse(text) as {
      status?: unknown;
      title?: unknown;
      errors?: { field?: unknown; message?: unknown }[];
    };
    const [error] = body.errors ?? [];
    const where = error === undefined ? '' : `: ${String(error.field)} ${String(error.message)}`;
    if (typeof body.title === 'string') return `${body.title}${where}`;
    return typeof body.status === 'string' ? body.status : '';
  } catch {
    return '';
  }
}
