import { METRICS } from '#contract/metrics';

import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { PspBudget } from './payment-service-provider.ts';
import type { CredentialsVersion, PspCredentials } from './psp-credentials.ts';
import { PspNotAskedError } from './psp-not-asked-error.ts';

export interface PspSignInOptions<Content> {
  /** The PSP's name, for logs. */
  readonly pspName: string;
  readonly credentials: PspCredentials<Content>;
  /** Of one HTTP exchange. */
  readonly timeoutMs: number;
  /** Whether an exchange ended with the PSP refusing the credentials, before it did anything that was asked. */
  readonly isRefusal: (error: unknown) => error is Error;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Versions of credentials that one call is made with, one after the other: both of a rotation, and one more. */
const MOST_VERSIONS_TRIED = 3;

/**
 * Makes calls at an account of a PSP with credentials that the PSP takes.
 *
 * A call that is refused with 401 is made again, as it is, with the next version of the credentials. That is safe, also
 * for a charge, and also at a PSP without idempotency keys: who is not signed in gets nothing done. Stripe checks the
 * key before it looks at the idempotency key, under which it keeps nothing then (it keeps what has begun to execute),
 * and keeps idempotency keys by account and not by API key, so that the same one goes on to stand for the same charge;
 * Braintree answers 401 in front of its gateway. All versions are of one account: docs/deploy.md asks for it.
 */
export class PspSignIn<Content> {
  readonly #options: PspSignInOptions<Content>;

  constructor(options: PspSignInOptions<Content>) {
    this.#options = options;
  }

  /** Whether there are credentials to sign in with. */
  get isUsable(): boolean {
    return this.#options.credentials.isUsable;
  }

  /**
   * @param call one HTTP exchange that ends after `timeoutMs`, which are whole milliseconds
   * @throws PspNotAskedError, and whatever the exchange threw: a refusal only where every version was refused
   */
  async exchange<Result>(
    budget: PspBudget,
    call: (content: Content, timeoutMs: number) => Promise<Result>,
  ): Promise<Result> {
    const { credentials, isRefusal } = this.#options;
    const tried = new Set<string>();
    let versions = await this.#within(budget, credentials.forSigningIn());
    let refusal: Error | undefined;
    for (;;) {
      const version = versions?.find(({ versionId }) => !tried.has(versionId));
      if (version === undefined || tried.size >= MOST_VERSIONS_TRIED) throw this.#refused(refusal, tried);
      const timeoutMs = this.#timeoutMs(budget);
      if (timeoutMs === undefined) throw refusal ?? new PspNotAskedError('no-time-left');
      tried.add(version.versionId);
      try {
        return await call(version.content, timeoutMs);
      } catch (error) {
        if (!isRefusal(error)) throw error;
        refusal = error;
        versions = await this.#within(budget, credentials.refused(version.versionId));
      }
    }
  }

  /** @returns undefined where there are none, or not within the budget */
  async #within(
    { deadlineMonotonicMs }: PspBudget,
    asked: Promise<readonly CredentialsVersion<Content>[]>,
  ): Promise<readonly CredentialsVersion<Content>[] | undefined> {
    const { clock } = this.#options;
    const over = new AbortController();
    const leftMs = Math.max(0, deadlineMonotonicMs - clock.monotonicMs());
    try {
      // Why there are none, the credentials themselves have said in the log.
      return await Promise.race([
        asked.catch(() => undefined),
        clock.sleep(leftMs, over.signal).then(() => undefined),
      ]);
    } finally {
      over.abort();
    }
  }

  #refused(refusal: Error | undefined, tried: ReadonlySet<string>): Error {
    if (refusal === undefined) return new PspNotAskedError('credentials-unavailable');
    const { pspName, logger, metrics } = this.#options;
    metrics.count(METRICS.pspSignInsRefused);
    logger.error({ psp: pspName, versionIds: [...tried] }, 'the PSP takes no version of our credentials');
    return refusal;
  }

  /** For one exchange: whole milliseconds, undefined where none is left. Zero would be the Stripe package's 80 seconds. */
  #timeoutMs({ deadlineMonotonicMs }: PspBudget): number | undefined {
    const leftMs = Math.floor(deadlineMonotonicMs - this.#options.clock.monotonicMs());
    return leftMs < 1 ? undefined : Math.min(this.#options.timeoutMs, leftMs);
  }
}
