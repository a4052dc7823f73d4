import { DatabaseError, type Pool, type PoolClient, type QueryResult, type QueryResultRow } from 'pg';

import type { Clock } from '../platform/clock.ts';
import type { Random } from '../platform/random.ts';
import { StoreUnavailableError } from '../platform/store-unavailable-error.ts';

const MAXIMUM_ATTEMPTS = 3;
/** No attempt starts later than this. With the pool's own timeouts, a statement ends after about two seconds. */
const RETRY_WINDOW_MS = 1_500;
const BACKOFF_MS = 50;

/** One shard: runs single statements on its `auroraPool`, each safe to repeat, and knows what errors say of their effect. */
export class AuroraShard {
  readonly #pool: Pool;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(pool: Pool, clock: Clock, random: Random) {
    this.#pool = pool;
    this.#clock = clock;
    this.#random = random;
  }

  /**
   * Runs a statement, and again with full jitter where its answer was lost or the database asked for it: a repeat
   * finds what the first attempt did, so that a lost answer mostly becomes a known one.
   *
   * @throws StoreUnavailableError; `applied` is `no` only if that holds for every attempt
   * @throws DatabaseError for values that the schema does not take: a defect of the caller
   */
  async execute<Row extends QueryResultRow>(text: string, values: unknown[]): Promise<QueryResult<Row>> {
    const startedMs = this.#clock.monotonicMs();
    let applied: 'no' | 'unknown' = 'no';
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await this.#attempt<Row>(text, values);
      if (outcome.kind === 'answered') return outcome.result;
      if (outcome.applied === 'unknown') applied = 'unknown';
      // Nothing is gained from waiting for a shard that refuses connections, unless to learn what an attempt did.
      const worthwhile = outcome.kind === 'failed' || applied === 'unknown';
      const elapsedMs = this.#clock.monotonicMs() - startedMs;
      if (!worthwhile || attempt === MAXIMUM_ATTEMPTS || elapsedMs >= RETRY_WINDOW_MS) {
        throw new StoreUnavailableError('key store', applied, { cause: outcome.error });
      }
      await this.#clock.sleep(this.#random.next() * BACKOFF_MS * 2 ** (attempt - 1));
    }
  }

  async #attempt<Row extends QueryResultRow>(text: string, values: unknown[]): Promise<Outcome<Row>> {
    let client: PoolClient;
    try {
      client = await this.#pool.connect();
    } catch (error) {
      return { kind: 'refused', applied: 'no', error };
    }
    try {
      const result = await client.query<Row>(text, values);
      client.release();
      return { kind: 'answered', result };
    } catch (error) {
      // Not put back: it may still be busy, or lead to a writer that no longer is one.
      client.release(true);
      return failureOf(error);
    }
  }
}

type Outcome<Row extends QueryResultRow> =
  { readonly kind: 'answered'; readonly result: QueryResult<Row> } | Failure;

interface Failure {
  /** `refused`: as before, a repeat would change nothing. `failed`: a repeat may succeed. */
  readonly kind: 'refused' | 'failed';
  readonly applied: 'no' | 'unknown';
  readonly error: unknown;
}

/** By SQLSTATE (PostgreSQL's documentation, appendix A): the transaction was rolled back and may be repeated. */
const ROLLED_BACK_REPEATABLE = new Set([
  '25006', // read_only_sql_transaction: a failover has made another instance the writer
  '40001', // serialization_failure
  '40P01', // deadlock_detected
  '55P03', // lock_not_available
  '57014', // query_canceled
]);

/** Classes that leave the fate of a commit open: connection exception, operator intervention, system and internal. */
const AMBIGUOUS_CLASSES = new Set(['08', '57', '58', 'XX']);
const STATEMENT_COMPLETION_UNKNOWN = '40003';

/** Classes that say that the values are wrong: data exception, integrity constraint violation. */
const DEFECT_CLASSES = new Set(['22', '23']);

function failureOf(error: unknown): Failure {
  // A timeout of ours or a connection that broke: the statement was sent, its answer is lost.
  if (!(error instanceof DatabaseError)) return { kind: 'failed', applied: 'unknown', error };
  const code = error.code ?? 'XX000';
  const sqlClass = code.slice(0, 2);
  if (ROLLED_BACK_REPEATABLE.has(code)) return { kind: 'failed', applied: 'no', error };
  if (AMBIGUOUS_CLASSES.has(sqlClass) || code === STATEMENT_COMPLETION_UNKNOWN) {
    return { kind: 'failed', applied: 'unknown', error };
  }
  if (DEFECT_CLASSES.has(sqlClass)) throw error;
  return { kind: 'refused', applied: 'no', error };
}
