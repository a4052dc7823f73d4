import type { z } from 'zod';

import { METRICS } from '#contract/metrics';

import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { Random } from '../platform/random.ts';
import { fullJitterDelayMs } from './full-jitter.ts';
import { MalformedPspSecretError } from './malformed-psp-secret-error.ts';
import type { CredentialsVersion, PspCredentials } from './psp-credentials.ts';
import { PspCredentialsUnavailableError } from './psp-credentials-unavailable-error.ts';
import type { SecretSource, SecretVersion } from './secret-source.ts';

/** What a PSP's secret holds. */
export interface CredentialsKind<Content> {
  /** Of the secret's JSON. Its messages name no values. */
  readonly schema: z.ZodType<Content>;
  /** What the PSP tells versions apart by when they sign in: it takes or refuses those together that have the same. */
  readonly signInOf: (content: Content) => string;
}

export interface CachedPspCredentialsOptions<Content> {
  readonly secretName: string;
  readonly kind: CredentialsKind<Content>;
  readonly source: SecretSource;
  /** The longest between two reads in the background. */
  readonly refreshMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** So that the tasks that a deployment starts together do not read together for ever. */
const REFRESH_JITTER_SHARE = 0.2;
/** After a read that failed, up to the usual interval. */
const RETRY_BASE_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;
/** However many sign-ins are refused, the secret is read no more often than this. */
const LEAST_BETWEEN_READS_MS = 1_000;
/** How long a version that was refused is tried only after the others: one call then looks whether that has changed. */
const REFUSED_LAST_MS = 60_000;

interface Held<Content> extends CredentialsVersion<Content> {
  readonly stage: SecretVersion['stage'];
}

/**
 * An account's credentials, read from a source of secrets once and then again in the background, at intervals with
 * jitter, and at once when the PSP refuses them. What was read last goes on being used while the source does not answer
 * or holds something that is none: credentials that worked are better than none, and the PSP says when they do not.
 */
export class CachedPspCredentials<Content> implements PspCredentials<Content> {
  readonly #options: CachedPspCredentialsOptions<Content>;
  readonly #stopped = new AbortController();
  /** The moment of the latest refusal by version, of versions that are held: three at most. */
  readonly #refusedAtMs = new Map<string, number>();
  #held: readonly Held<Content>[] = [];
  #failure: unknown;
  #reading: Promise<boolean> | undefined;
  #readStartedAtMs = -Infinity;

  constructor(options: CachedPspCredentialsOptions<Content>) {
    this.#options = options;
  }

  /** Reads for the first time, and goes on in the background until `close`. Resolves after the first read; never throws. */
  async start(): Promise<void> {
    const first = this.#read();
    void this.#keepFresh(first);
    await first;
  }

  close(): void {
    this.#stopped.abort();
  }

  get isUsable(): boolean {
    return this.#held.length > 0 || this.#failure === undefined;
  }

  async forSigningIn(): Promise<readonly CredentialsVersion<Content>[]> {
    if (this.#held.length === 0) await this.#readUnlessJustNow();
    if (this.#held.length > 0) return this.#inSignInOrder();
    throw new PspCredentialsUnavailableError(this.#options.secretName, { cause: this.#failure });
  }

  async refused(versionId: string): Promise<readonly CredentialsVersion<Content>[]> {
    const isHeld = this.#held.some((version) => version.versionId === versionId);
    if (isHeld) this.#refusedAtMs.set(versionId, this.#options.clock.monotonicMs());
    const isReplaced = this.#held[0] !== undefined && !this.#isRefused(this.#held[0]);
    // Somebody who was refused before has had the newer one read.
    if (!isReplaced) await this.#readUnlessJustNow();
    return this.#inSignInOrder();
  }

  forVerifying(): readonly Content[] {
    return this.#held.map(({ content }) => content);
  }

  #inSignInOrder(): Held<Content>[] {
    const { signInOf } = this.#options.kind;
    const signIns = new Set<string>();
    const different = this.#held.filter(({ stage, content }) => {
      if (stage === 'pending' || signIns.has(signInOf(content))) return false;
      signIns.add(signInOf(content));
      return true;
    });
    return [
      ...different.filter((version) => !this.#isRefused(version)),
      ...different.filter((version) => this.#isRefused(version)),
    ];
  }

  #isRefused({ versionId }: Held<Content>): boolean {
    const refusedAtMs = this.#refusedAtMs.get(versionId) ?? -Infinity;
    return this.#options.clock.monotonicMs() - refusedAtMs < REFUSED_LAST_MS;
  }

  async #readUnlessJustNow(): Promise<void> {
    const sinceMs = this.#options.clock.monotonicMs() - this.#readStartedAtMs;
    if (this.#reading === undefined && sinceMs < LEAST_BETWEEN_READS_MS) return;
    await this.#read();
  }

  /** One read for all who want one now. */
  #read(): Promise<boolean> {
    this.#reading ??= this.#readAnew().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  /** @returns whether it was read */
  async #readAnew(): Promise<boolean> {
    const { secretName, source, clock } = this.#options;
    this.#readStartedAtMs = clock.monotonicMs();
    try {
      this.#hold(await source.read(secretName));
      return true;
    } catch (error) {
      this.#failed(error);
      return false;
    }
  }

  #failed(error: unknown): void {
    const { secretName, logger, metrics } = this.#options;
    const wasNotSetYet = isNotSetYet(this.#failure);
    this.#failure = error;
    // An account that nobody has set up has no charges to wait for it; said once, and no alarm.
    if (this.#held.length === 0 && isNotSetYet(error)) {
      if (!wasNotSetYet) logger.warn({ secretName, err: error }, 'a PSP account is not set up yet');
      return;
    }
    metrics.count(METRICS.pspCredentialsStale);
    const using = this.#held.map(({ versionId, stage }) => `${stage} ${versionId}`);
    logger.error({ secretName, using, err: error }, 'the credentials of a PSP account could not be read');
  }

  /**
   * A version that is no credentials is left out; where it is the current one, what is held stays. A task that holds
   * nothing yet begins with the version before.
   *
   * @throws MalformedPspSecretError for the current version
   */
  #hold(versions: readonly SecretVersion[]): void {
    const { logger } = this.#options;
    const held: Held<Content>[] = [];
    let malformed: MalformedPspSecretError | undefined;
    for (const version of versions) {
      const content = this.#contentOf(version);
      if (!(content instanceof MalformedPspSecretError)) {
        held.push({ versionId: version.versionId, stage: version.stage, content });
      } else if (version.stage === 'current') {
        malformed = content;
      } else {
        logger.debug({ err: content }, 'a version of a PSP secret is left out');
      }
    }
    if (malformed === undefined || this.#held.length === 0) this.#replaceHeld(held);
    if (malformed !== undefined) throw malformed;
    this.#failure = undefined;
  }

  #replaceHeld(held: readonly Held<Content>[]): void {
    const { secretName, logger } = this.#options;
    const known = new Set(this.#held.map(({ versionId }) => versionId));
    for (const { versionId, stage } of held) {
      if (!known.has(versionId))
        logger.info({ secretName, versionId, stage }, 'credentials of a PSP account');
    }
    this.#held = held;
    for (const versionId of this.#refusedAtMs.keys()) {
      if (!held.some((version) => version.versionId === versionId)) this.#refusedAtMs.delete(versionId);
    }
  }

  #contentOf({ versionId, text }: SecretVersion): Content | MalformedPspSecretError {
    const { secretName, kind } = this.#options;
    const result = kind.schema.safeParse(jsonOf(text));
    if (result.success) return result.data;
    const problems = result.error.issues.map(({ path, message }) =>
      path.length === 0 ? 'is no JSON object' : `${path.join('.')}: ${message}`,
    );
    return new MalformedPspSecretError(secretName, versionId, problems);
  }

  async #keepFresh(first: Promise<boolean>): Promise<void> {
    const { clock, random, refreshMs } = this.#options;
    const { signal } = this.#stopped;
    const retry = { baseMs: RETRY_BASE_MS, capMs: Math.min(LONGEST_RETRY_MS, refreshMs) };
    let failures = (await first) ? 0 : 1;
    for (;;) {
      const delayMs =
        failures === 0
          ? refreshMs * (1 - random.next() * REFRESH_JITTER_SHARE)
          : Math.max(LEAST_BETWEEN_READS_MS, fullJitterDelayMs(retry, failures, random));
      await clock.sleep(delayMs, signal);
      if (signal.aborted) return;
      failures = (await this.#read()) ? 0 : failures + 1;
    }
  }
}

function isNotSetYet(error: unknown): boolean {
  return error instanceof MalformedPspSecretError && error.isNotSetYet;
}

/** Undefined for what is no JSON: the message of a SyntaxError would quote the secret. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
