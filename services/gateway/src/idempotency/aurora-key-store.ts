import type { Pool } from 'pg';

import type { Clock } from '../platform/clock.ts';
import type { Random } from '../platform/random.ts';
import type { TerminalResponse } from '../saga/terminal-response.ts';
import { COMPLETE, FREE, INSERT, PEEK, RAISE_EPOCH, RELEASE, TAKE_OVER } from './aurora-key-statements.ts';
import { AuroraShard } from './aurora-shard.ts';
import { slotOf, type ChargeKey } from './charge-key.ts';
import { firstEpochOf, type Epoch } from './epoch.ts';
import type {
  AcquireRequest,
  Acquisition,
  Completion,
  Done,
  Fenced,
  KeyRow,
  KeyStore,
  LeaseHolder,
} from './key-store.ts';
import type { ShardMap } from './shard-map.ts';

export interface AuroraKeyStoreOptions {
  /** One a shard, in the order of the shard map; whoever opened them closes them. */
  readonly pools: readonly Pool[];
  readonly shardMap: ShardMap;
  readonly clock: Clock;
  readonly random: Random;
}

/** A snapshot that was out of date is followed by another try; so many are, at most. */
const MAXIMUM_STALE_SNAPSHOTS = 8;
const STALE_SNAPSHOT_BACKOFF_MS = 10;

const DONE: Done = { kind: 'done' };
const FENCED: Fenced = { kind: 'fenced' };

/**
 * KeyStore on the writers of Aurora PostgreSQL. The statements, and why they keep the protocol, are in
 * aurora-key-statements.ts; what a lost answer costs is in aurora-shard.ts.
 *
 * A lease runs from the moment the database wrote it, which is after the call: who measures it from before the call
 * measures it short, which is the safe side (protocol rule 7).
 */
export class AuroraKeyStore implements KeyStore {
  readonly #shards: readonly AuroraShard[];
  readonly #shardMap: ShardMap;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor({ pools, shardMap, clock, random }: AuroraKeyStoreOptions) {
    this.#shards = pools.map((pool) => new AuroraShard(pool, clock, random));
    this.#shardMap = shardMap;
    this.#clock = clock;
    this.#random = random;
  }

  async acquire(key: ChargeKey, request: AcquireRequest): Promise<Acquisition> {
    if (request.mode === 'run' && request.fingerprint === undefined) {
      throw new TypeError('a run without a fingerprint cannot be told from one with another payload');
    }
    const slot = slotOf(key);
    const shard = this.#shardOf(slot);
    const minimumEpoch = Math.max(request.minimumEpoch, firstEpochOf(this.#shardMap.generationOf(slot)));
    const acquisition: KeyAcquisition = { key, slot, request, minimumEpoch };
    let rowExists = request.mode === 'takeover';
    for (let attempt = 1; attempt <= MAXIMUM_STALE_SNAPSHOTS; attempt += 1) {
      if (!rowExists && (await this.#insertRows(shard, [acquisition])) === 1) {
        return { kind: 'won', epoch: minimumEpoch, takeover: false, fingerprint: request.fingerprint };
      }
      const row = await this.#takeOver(shard, acquisition);
      const answer = acquisitionOf(row, request.mode);
      if (answer !== undefined) return answer;
      rowExists = row !== undefined;
      await this.#clock.sleep(this.#random.next() * STALE_SNAPSHOT_BACKOFF_MS * attempt);
    }
    // Others keep writing this very row.
    return { kind: 'in_flight', leaseRemainingMs: 0 };
  }

  async raiseEpoch(
    key: ChargeKey,
    holder: LeaseHolder,
    atLeast: Epoch,
  ): Promise<{ kind: 'raised'; epoch: Epoch } | Fenced> {
    const { rows } = await this.#shardFor(key).execute<{ epoch: string }>(RAISE_EPOCH, [
      ...heldRow(key, holder),
      atLeast,
    ]);
    return rows[0] === undefined ? FENCED : { kind: 'raised', epoch: epochFrom(rows[0].epoch) };
  }

  async complete(key: ChargeKey, holder: LeaseHolder, completion: Completion): Promise<Done | Fenced> {
    const completed = await this.#completeRows(this.#shardFor(key), [{ key, holder, completion }]);
    return doneIf(completed === 1);
  }

  async release(
    key: ChargeKey,
    holder: LeaseHolder,
    resumeAfterMs: number,
    fingerprint?: string,
  ): Promise<Done | Fenced> {
    const parameters = [...heldRow(key, holder), resumeAfterMs, fingerprint ?? null];
    const { rowCount } = await this.#shardFor(key).execute(RELEASE, parameters);
    return doneIf(rowCount === 1);
  }

  async free(key: ChargeKey, holder: LeaseHolder): Promise<Done | Fenced> {
    const { rowCount } = await this.#shardFor(key).execute(FREE, heldRow(key, holder));
    return doneIf(rowCount === 1);
  }

  /** A terminal row is shown until it is deleted, also when it has expired. */
  async peek(key: ChargeKey): Promise<KeyRow | undefined> {
    const { rows } = await this.#shardFor(key).execute<PeekedRow>(PEEK, [key.tenantId, key.idempotencyKey]);
    const [row] = rows;
    if (row === undefined) return undefined;
    return {
      status: row.status,
      fingerprint: row.fingerprint,
      epoch: epochFrom(row.epoch),
      leaseRemainingMs: remainingMs(row),
      ...(row.status === 'TERMINAL' && { response: responseOf(row) }),
    };
  }

  // The two statements of a charge that nobody else asks for take lists, so that concurrent charges can come to share
  // one; each answers how many of its rows it wrote.

  async #insertRows(shard: AuroraShard, acquisitions: readonly KeyAcquisition[]): Promise<number> {
    const { rows } = await shard.execute(INSERT, [
      acquisitions.map(({ key }) => key.tenantId),
      acquisitions.map(({ key }) => key.idempotencyKey),
      acquisitions.map(({ slot }) => slot),
      acquisitions.map(({ request }) => request.fingerprint),
      acquisitions.map(({ minimumEpoch }) => minimumEpoch),
      acquisitions.map(({ request }) => request.runId),
      acquisitions.map(({ request }) => request.leaseMs),
    ]);
    return rows.length;
  }

  async #completeRows(shard: AuroraShard, completions: readonly KeyCompletion[]): Promise<number> {
    const { rows } = await shard.execute(COMPLETE, [
      completions.map(({ key }) => key.tenantId),
      completions.map(({ key }) => key.idempotencyKey),
      completions.map(({ holder }) => holder.runId),
      completions.map(({ holder }) => holder.epoch),
      completions.map(({ completion }) => completion.fingerprint),
      completions.map(({ completion }) => completion.response.status),
      completions.map(({ completion }) => completion.response.body),
      completions.map(({ completion }) => completion.retentionSeconds),
    ]);
    return rows.length;
  }

  async #takeOver(shard: AuroraShard, acquisition: KeyAcquisition): Promise<TakeOverRow | undefined> {
    const { key, request, minimumEpoch } = acquisition;
    const { rows } = await shard.execute<TakeOverRow>(TAKE_OVER, [
      key.tenantId,
      key.idempotencyKey,
      request.runId,
      request.fingerprint ?? null,
      request.leaseMs,
      minimumEpoch,
      request.mode === 'run',
    ]);
    return rows[0];
  }

  #shardFor(key: ChargeKey): AuroraShard {
    return this.#shardOf(slotOf(key));
  }

  #shardOf(slot: number): AuroraShard {
    const index = this.#shardMap.shardOf(slot);
    const shard = this.#shards[index];
    if (shard === undefined) throw new RangeError(`slot ${slot} is on shard ${index}, which has no pool`);
    return shard;
  }
}

interface KeyAcquisition {
  readonly key: ChargeKey;
  readonly slot: number;
  readonly request: AcquireRequest;
  readonly minimumEpoch: Epoch;
}

interface KeyCompletion {
  readonly key: ChargeKey;
  readonly holder: LeaseHolder;
  readonly completion: Completion;
}

type RowStatus = KeyRow['status'];

interface ResponseColumns {
  readonly response_status: number | null;
  readonly response_body: string | null;
}

interface LeaseColumn {
  /** A PostgreSQL numeric. */
  readonly lease_remaining_ms: string | null;
}

interface TakeOverRow extends ResponseColumns, LeaseColumn {
  /** These are null where the row was not taken. */
  readonly won_epoch: string | null;
  readonly won_fingerprint: string | null;
  readonly taken_from: RowStatus | null;
  /** These are of the snapshot. */
  readonly status: RowStatus;
  readonly takeable: boolean;
  readonly expired: boolean;
  readonly same_request: boolean;
}

interface PeekedRow extends ResponseColumns, LeaseColumn {
  readonly status: RowStatus;
  readonly fingerprint: string;
  readonly epoch: string;
}

/** What the row says; undefined where somebody else was faster than the statement's snapshot. */
function acquisitionOf(row: TakeOverRow | undefined, mode: AcquireRequest['mode']): Acquisition | undefined {
  if (row === undefined) return mode === 'takeover' ? { kind: 'absent' } : undefined;
  if (row.won_epoch !== null) {
    return {
      kind: 'won',
      epoch: epochFrom(row.won_epoch),
      // An acquisition that finds itself may have been a takeover: it is reported as one, which is the safe side.
      takeover: row.taken_from === 'PROCESSING',
      fingerprint: row.won_fingerprint ?? undefined,
    };
  }
  if (row.takeable) return undefined;
  if (!row.same_request && !row.expired) return { kind: 'mismatch' };
  switch (row.status) {
    case 'PROCESSING':
      return { kind: 'in_flight', leaseRemainingMs: remainingMs(row) };
    case 'TERMINAL':
      return { kind: 'terminal', response: responseOf(row) };
    case 'FREED':
      return { kind: 'absent' };
  }
}

function heldRow(key: ChargeKey, holder: LeaseHolder): unknown[] {
  return [key.tenantId, key.idempotencyKey, holder.runId, holder.epoch];
}

function doneIf(applied: boolean): Done | Fenced {
  return applied ? DONE : FENCED;
}

function epochFrom(text: string): Epoch {
  const epoch = Number(text);
  if (!Number.isSafeInteger(epoch)) throw new RangeError(`epoch ${text} is not a safe integer`);
  return epoch;
}

function remainingMs(row: LeaseColumn): number {
  return Math.max(0, Number(row.lease_remaining_ms));
}

function responseOf(row: ResponseColumns): TerminalResponse {
  const { response_status: status, response_body: body } = row;
  if ((status !== 201 && status !== 402) || body === null) {
    throw new Error(`a terminal row answers ${String(status)}`);
  }
  return { status, body };
}
