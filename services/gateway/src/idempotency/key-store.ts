import type { TerminalResponse } from '../saga/terminal-response.ts';
import type { ChargeKey } from './charge-key.ts';
import type { Epoch } from './epoch.ts';

/**
 * Who may run a key now. One row a key, in the key's shard; the row lock serialises duplicates, and a PROCESSING
 * row carries a lease on the database's clock.
 */
export interface KeyStore {
  /**
   * Inserts the row, or takes it over when its lease has expired (or it was freed, or it is terminal and expired).
   * Each of these decisions is one statement. A loser writes nothing. The same `runId` asking again, because it never got its answer, is given
   * what it won, with the lease renewed.
   *
   * @throws StoreUnavailableError when the shard does not answer
   */
  acquire(key: ChargeKey, request: AcquireRequest): Promise<Acquisition>;

  /**
   * Raises the epoch of a row that this run holds to at least `atLeast`, after another store was found to know a
   * higher one.
   */
  raiseEpoch(
    key: ChargeKey,
    holder: LeaseHolder,
    atLeast: Epoch,
  ): Promise<{ kind: 'raised'; epoch: Epoch } | Fenced>;

  /** Stores the terminal answer. Repeating it is harmless. */
  complete(key: ChargeKey, holder: LeaseHolder, completion: Completion): Promise<Done | Fenced>;

  /**
   * Gives the lease back while the charge is not terminal: a client that asks again may take it at once, the
   * sweeper after `resumeAfterMs`.
   *
   * @param fingerprint what the ledger says that the charge is made of, where the run knows: it replaces the row's, so
   * that a client with that payload is let in and one with another is not
   */
  release(
    key: ChargeKey,
    holder: LeaseHolder,
    resumeAfterMs: number,
    fingerprint?: string,
  ): Promise<Done | Fenced>;

  /**
   * Frees a row that was acquired and never launched. The caller has fenced the checkpoint first (protocol rule 20).
   * The epoch stays, so that the next acquisition gets a higher one.
   */
  free(key: ChargeKey, holder: LeaseHolder): Promise<Done | Fenced>;

  /** Reads the row, without taking a lock. */
  peek(key: ChargeKey): Promise<KeyRow | undefined>;
}

export interface AcquireRequest {
  /** `run` inserts an absent row; `takeover` takes only a row that exists (recovery knows no payload). */
  readonly mode: 'run' | 'takeover';
  /** Names this acquisition, across repeats of the statement. A UUID. */
  readonly runId: string;
  /** Hex SHA-256 of the request; a run with another one than the row's is a mismatch. Absent for recovery. */
  readonly fingerprint?: string;
  readonly leaseMs: number;
  /** The new epoch is at least this: above what the checkpoint was seen to hold. */
  readonly minimumEpoch: Epoch;
}

export type Acquisition =
  /** `takeover`: the row existed and was not freed, so that somebody may have gone further with it. */
  | {
      readonly kind: 'won';
      readonly epoch: Epoch;
      readonly takeover: boolean;
      readonly fingerprint: string | undefined;
    }
  | { readonly kind: 'in_flight'; readonly leaseRemainingMs: number }
  | { readonly kind: 'terminal'; readonly response: TerminalResponse }
  | { readonly kind: 'mismatch' }
  /** Recovery only: there is no such row, or it was freed. */
  | { readonly kind: 'absent' };

export interface LeaseHolder {
  readonly runId: string;
  readonly epoch: Epoch;
}

export interface Completion {
  /** What the ledger says that the charge was made of; replaces the row's where these differ. */
  readonly fingerprint: string;
  readonly response: TerminalResponse;
  readonly retentionSeconds: number;
}

export interface KeyRow {
  readonly status: 'PROCESSING' | 'TERMINAL' | 'FREED';
  readonly fingerprint: string;
  readonly epoch: Epoch;
  readonly leaseRemainingMs: number;
  readonly response?: TerminalResponse;
}

export interface Done {
  readonly kind: 'done';
}

/** Somebody else holds the row, with a higher epoch: this run must stop. */
export interface Fenced {
  readonly kind: 'fenced';
}
