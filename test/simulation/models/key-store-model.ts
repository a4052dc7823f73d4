import type { ChargeKey } from '#gateway/idempotency/charge-key';
import { firstEpochOf, type Epoch } from '#gateway/idempotency/epoch';
import type {
  AcquireRequest,
  Acquisition,
  Completion,
  Done,
  Fenced,
  KeyRow,
  LeaseHolder,
} from '#gateway/idempotency/key-store';
import type { TerminalResponse } from '#gateway/saga/terminal-response';

import { VersionedMap } from './versioned-map.ts';

/** As in the statements of the key store on PostgreSQL. */
const EXPIRY_SKEW_MARGIN_MS = 60_000;
const FREED_RETENTION_MS = 24 * 3_600_000;
/** As in the sweeper's purge. */
const KEPT_AFTER_EXPIRY_MS = 24 * 3_600_000;
/** As in the sweeper's scan. */
const TICKET_LOST_AFTER_MS = 10_000;
const LONGEST_BETWEEN_TICKETS_MS = 3_600_000;

export interface ModelRow {
  readonly key: ChargeKey;
  readonly status: KeyRow['status'];
  readonly fingerprint: string;
  readonly epoch: Epoch;
  readonly runId: string;
  readonly leaseExpiresAtMs: number;
  readonly resumeAfterMs: number | undefined;
  readonly response: TerminalResponse | undefined;
  readonly expiresAtMs: number | undefined;
  readonly ticketedAtMs: number | undefined;
  readonly ticketCount: number;
}

/** What one scan of the sweeper finds. */
export interface FoundLeases {
  readonly keys: readonly ChargeKey[];
  /** By the database's clock. */
  readonly foundAtMs: number;
}

const DONE: Done = { kind: 'done' };
const FENCED: Fenced = { kind: 'fenced' };

/**
 * One shard of the key store: the decisions of `aurora-key-statements.ts` on rows in memory, each at one moment. It
 * passes the same contract as the store on PostgreSQL.
 */
export class KeyStoreModel {
  readonly rows: VersionedMap<ModelRow>;
  readonly #nowMs: () => number;
  readonly #generation: number;
  readonly #onLowerEpoch: (text: string) => void;

  /** @param nowMs the database's own clock */
  constructor(options: {
    readonly nowMs: () => number;
    readonly generation: number;
    readonly onLowerEpoch: (text: string) => void;
    readonly rows?: VersionedMap<ModelRow>;
  }) {
    this.#nowMs = options.nowMs;
    this.#generation = options.generation;
    this.#onLowerEpoch = options.onLowerEpoch;
    this.rows = options.rows ?? new VersionedMap();
  }

  acquire(key: ChargeKey, request: AcquireRequest): Acquisition {
    const minimumEpoch = Math.max(request.minimumEpoch, firstEpochOf(this.#generation));
    const row = this.rows.get(nameOf(key));
    if (row === undefined) return this.#insert(key, request, minimumEpoch);
    const nowMs = this.#nowMs();
    const isOwnRepeat = row.status === 'PROCESSING' && row.runId === request.runId;
    const isSameRequest = request.fingerprint === undefined || request.fingerprint === row.fingerprint;
    if (this.#isTakeable(row, request, isOwnRepeat, isSameRequest)) {
      const epoch = Math.max(row.epoch + (isOwnRepeat ? 0 : 1), minimumEpoch);
      const fingerprint = request.fingerprint ?? row.fingerprint;
      const leaseExpiresAtMs = nowMs + request.leaseMs;
      this.#write({
        ...{ key, status: 'PROCESSING', fingerprint, epoch, runId: request.runId, leaseExpiresAtMs },
        ...{ resumeAfterMs: undefined, response: undefined, expiresAtMs: undefined },
        ...{ ticketedAtMs: row.ticketedAtMs, ticketCount: row.ticketCount },
      });
      return { kind: 'won', epoch, takeover: row.status === 'PROCESSING', fingerprint };
    }
    if (!isSameRequest && !this.#isExpired(row)) return { kind: 'mismatch' };
    switch (row.status) {
      case 'PROCESSING':
        return { kind: 'in_flight', leaseRemainingMs: Math.max(0, row.leaseExpiresAtMs - nowMs) };
      case 'TERMINAL':
        if (row.response === undefined) throw new Error('a terminal row has an answer');
        return { kind: 'terminal', response: row.response };
      case 'FREED':
        return { kind: 'absent' };
    }
  }

  raiseEpoch(key: ChargeKey, holder: LeaseHolder, atLeast: Epoch): { kind: 'raised'; epoch: Epoch } | Fenced {
    const row = this.rows.get(nameOf(key));
    const raised = Math.max(holder.epoch, atLeast);
    if (row?.status !== 'PROCESSING' || row.runId !== holder.runId) return FENCED;
    if (row.epoch !== holder.epoch && row.epoch !== raised) return FENCED;
    const epoch = Math.max(row.epoch, atLeast);
    this.#write({ ...row, epoch });
    return { kind: 'raised', epoch };
  }

  complete(key: ChargeKey, holder: LeaseHolder, completion: Completion): Done | Fenced {
    const row = this.#held(key, holder, ['PROCESSING', 'TERMINAL']);
    if (row === undefined) return FENCED;
    this.#write({
      ...row,
      status: 'TERMINAL',
      fingerprint: row.status === 'TERMINAL' ? row.fingerprint : completion.fingerprint,
      response: row.response ?? completion.response,
      resumeAfterMs: undefined,
      expiresAtMs: row.expiresAtMs ?? this.#nowMs() + completion.retentionSeconds * 1_000,
    });
    return DONE;
  }

  release(key: ChargeKey, holder: LeaseHolder, resumeAfterMs: number, fingerprint?: string): Done | Fenced {
    const row = this.#held(key, holder, ['PROCESSING']);
    if (row === undefined) return FENCED;
    const nowMs = this.#nowMs();
    this.#write({
      ...row,
      leaseExpiresAtMs: nowMs,
      resumeAfterMs: nowMs + resumeAfterMs,
      fingerprint: fingerprint ?? row.fingerprint,
    });
    return DONE;
  }

  free(key: ChargeKey, holder: LeaseHolder): Done | Fenced {
    const row = this.#held(key, holder, ['PROCESSING', 'FREED']);
    if (row === undefined) return FENCED;
    const expiresAtMs = row.expiresAtMs ?? this.#nowMs() + FREED_RETENTION_MS;
    this.#write({ ...row, status: 'FREED', resumeAfterMs: undefined, expiresAtMs });
    return DONE;
  }

  peek(key: ChargeKey): KeyRow | undefined {
    const row = this.rows.get(nameOf(key));
    if (row === undefined) return undefined;
    const { status, fingerprint, epoch, response } = row;
    const leaseRemainingMs = Math.max(0, row.leaseExpiresAtMs - this.#nowMs());
    return {
      ...{ status, fingerprint, epoch, leaseRemainingMs },
      ...(status === 'TERMINAL' && response !== undefined ? { response } : {}),
    };
  }

  /** What the sweeper's scan finds: charges that nobody works on, and that have no ticket. */
  expiredLeases(): FoundLeases {
    const nowMs = this.#nowMs();
    const keys: ChargeKey[] = [];
    for (const row of this.rows.values()) {
      const isDue = waitingSinceMs(row) <= nowMs && !hasTicket(row, nowMs);
      if (row.status === 'PROCESSING' && isDue) keys.push(row.key);
    }
    return { keys, foundAtMs: nowMs };
  }

  /** The sweeper's mark of rows that it has sent tickets for. */
  markTicketed({ keys, foundAtMs }: FoundLeases): void {
    for (const key of keys) {
      const row = this.rows.get(nameOf(key));
      if (row?.status !== 'PROCESSING' || waitingSinceMs(row) > foundAtMs) continue;
      const ticketCount = isTicketed(row) ? row.ticketCount + 1 : 1;
      this.#write({ ...row, ticketedAtMs: foundAtMs, ticketCount });
    }
  }

  /** What the sweeper's purge deletes. */
  purge(): void {
    const expiredBeforeMs = this.#nowMs() - KEPT_AFTER_EXPIRY_MS;
    for (const { key, expiresAtMs } of this.rows.values()) {
      if (expiresAtMs !== undefined && expiresAtMs <= expiredBeforeMs) this.rows.delete(nameOf(key));
    }
  }

  /** For tests: as if so much time had passed for what is known of this key. */
  elapse(key: ChargeKey, elapsedMs: number): void {
    const row = this.rows.get(nameOf(key));
    if (row === undefined) return;
    this.#write({
      ...row,
      leaseExpiresAtMs: row.leaseExpiresAtMs - elapsedMs,
      resumeAfterMs: row.resumeAfterMs === undefined ? undefined : row.resumeAfterMs - elapsedMs,
      expiresAtMs: row.expiresAtMs === undefined ? undefined : row.expiresAtMs - elapsedMs,
      ticketedAtMs: row.ticketedAtMs === undefined ? undefined : row.ticketedAtMs - elapsedMs,
    });
  }

  #insert(key: ChargeKey, request: AcquireRequest, epoch: Epoch): Acquisition {
    if (request.mode === 'takeover') return { kind: 'absent' };
    const { fingerprint, runId, leaseMs } = request;
    if (fingerprint === undefined) throw new TypeError('a run has a fingerprint');
    this.#write({
      ...{ key, status: 'PROCESSING', fingerprint, epoch, runId },
      leaseExpiresAtMs: this.#nowMs() + leaseMs,
      ...{ resumeAfterMs: undefined, response: undefined, expiresAtMs: undefined },
      ...{ ticketedAtMs: undefined, ticketCount: 0 },
    });
    return { kind: 'won', epoch, takeover: false, fingerprint };
  }

  #isTakeable(row: ModelRow, request: AcquireRequest, isOwnRepeat: boolean, isSameRequest: boolean): boolean {
    const isLeaseExpired = row.status === 'PROCESSING' && row.leaseExpiresAtMs <= this.#nowMs();
    if ((isOwnRepeat || isLeaseExpired) && isSameRequest) return true;
    if (request.mode !== 'run') return false;
    return (row.status === 'FREED' && isSameRequest) || this.#isExpired(row);
  }

  #isExpired({ expiresAtMs }: ModelRow): boolean {
    return expiresAtMs !== undefined && expiresAtMs <= this.#nowMs() - EXPIRY_SKEW_MARGIN_MS;
  }

  #held(key: ChargeKey, holder: LeaseHolder, statuses: readonly KeyRow['status'][]): ModelRow | undefined {
    const row = this.rows.get(nameOf(key));
    if (row?.runId !== holder.runId || row.epoch !== holder.epoch) return undefined;
    return statuses.includes(row.status) ? row : undefined;
  }

  #write(row: ModelRow): void {
    const name = nameOf(row.key);
    const standing = this.rows.get(name);
    if (standing !== undefined && row.epoch < standing.epoch) {
      this.#onLowerEpoch(`key store: epoch ${row.epoch} over ${standing.epoch}`);
    }
    this.rows.set(name, row, this.#nowMs());
  }
}

function waitingSinceMs({ leaseExpiresAtMs, resumeAfterMs }: ModelRow): number {
  return Math.max(leaseExpiresAtMs, resumeAfterMs ?? 0);
}

function isTicketed(row: ModelRow): boolean {
  return row.ticketedAtMs !== undefined && row.ticketedAtMs >= waitingSinceMs(row);
}

function hasTicket(row: ModelRow, nowMs: number): boolean {
  const againAfterMs = TICKET_LOST_AFTER_MS * 2 ** (row.ticketCount - 1);
  const ticketAgeMs = nowMs - (row.ticketedAtMs ?? 0);
  return isTicketed(row) && ticketAgeMs < Math.min(LONGEST_BETWEEN_TICKETS_MS, againAfterMs);
}

/** The names given last: a world asks for those of its one or two keys all the time, and hashes each new string. */
const recentNames: { tenantId: string; idempotencyKey: string; name: string }[] = [];
const RECENT_NAMES = 4;

export function nameOf({ tenantId, idempotencyKey }: ChargeKey): string {
  for (const recent of recentNames) {
    if (recent.idempotencyKey === idempotencyKey && recent.tenantId === tenantId) return recent.name;
  }
  const name = `${tenantId}/${idempotencyKey}`;
  if (recentNames.length === RECENT_NAMES) recentNames.pop();
  recentNames.unshift({ tenantId, idempotencyKey, name });
  return name;
}
