import { isDeepStrictEqual } from 'node:util';

import type { ChargeKey } from '#gateway/idempotency/charge-key';
import { chargeIdOf } from '#gateway/idempotency/charge-key';
import type {
  Advance,
  AdvanceResult,
  CheckpointRead,
  Launch,
  LaunchResult,
} from '#gateway/idempotency/checkpoint-store';
import type { Epoch } from '#gateway/idempotency/epoch';
import type { LeaseHolder } from '#gateway/idempotency/key-store';
import { isTerminal, type Checkpoint, type CheckpointRecord } from '#gateway/saga/checkpoint';

import { START_EPOCH_MS } from '../simulated-process.ts';
import { nameOf } from './key-store-model.ts';
import type { LedgerModel } from './ledger-model.ts';
import { VersionedMap } from './versioned-map.ts';

/** As in the adapter on DynamoDB. */
const EXPIRY_SKEW_MS = 60_000;

type AcceptedWithoutToken = Omit<Launch['charge'], 'paymentMethod'>;

/** An item without `request` is a fence. */
export interface ModelItem {
  readonly key: ChargeKey;
  readonly epoch: Epoch;
  readonly runId: string;
  readonly request:
    | { readonly fingerprint: string; readonly charge: AcceptedWithoutToken; readonly checkpoint: Checkpoint }
    | undefined;
  /** The token, with the fingerprint of the request that it came with. */
  readonly paymentMethod: { readonly fingerprint: string; readonly token: string } | undefined;
  readonly expiresAtEpochSeconds: number | undefined;
}

/**
 * The checkpoint table in memory, with the conditions of `dynamo-checkpoint-writes.ts`, each write at one moment, and
 * with its transactions over the ledger. It passes the same contract as the one on DynamoDB.
 */
export class CheckpointModel {
  readonly items: VersionedMap<ModelItem>;
  readonly #ledger: LedgerModel;
  readonly #nowMs: () => number;
  readonly #onLowerEpoch: (text: string) => void;

  constructor(options: {
    readonly ledger: LedgerModel;
    readonly nowMs: () => number;
    readonly onLowerEpoch: (text: string) => void;
    readonly items?: VersionedMap<ModelItem>;
  }) {
    this.#ledger = options.ledger;
    this.#nowMs = options.nowMs;
    this.#onLowerEpoch = options.onLowerEpoch;
    this.items = options.items ?? new VersionedMap();
  }

  /** @param nowEpochMs the caller's wall clock: expiry is filtered by whoever reads */
  read(key: ChargeKey, nowEpochMs: number): CheckpointRead {
    const item = this.items.get(nameOf(key));
    if (item === undefined) return { kind: 'absent', epoch: 0 };
    const record = recordOf(item);
    if (record === undefined) return { kind: 'absent', epoch: item.epoch };
    const isExpired =
      item.expiresAtEpochSeconds !== undefined && item.expiresAtEpochSeconds < expiredBefore(nowEpochMs);
    if (isTerminal(record.checkpoint) && isExpired) return { kind: 'absent', epoch: item.epoch };
    return { kind: 'present', record };
  }

  launch(key: ChargeKey, holder: LeaseHolder, { fingerprint, charge }: Launch): LaunchResult {
    const standing = this.items.get(nameOf(key));
    if (standing !== undefined && standing.epoch >= holder.epoch) {
      const own = isMine(standing, holder) ? recordOf(standing) : undefined;
      return own === undefined
        ? { kind: 'fenced', epoch: standing.epoch }
        : { kind: 'launched', record: own };
    }
    const token = charge.paymentMethod;
    const item: ModelItem = {
      key,
      ...holderOf(holder),
      request: standing?.request ?? {
        fingerprint,
        charge: withoutToken(charge),
        checkpoint: { step: 'VALIDATED' },
      },
      paymentMethod: standing?.paymentMethod ?? (token === undefined ? undefined : { fingerprint, token }),
      expiresAtEpochSeconds: undefined,
    };
    this.#write(item);
    const record = recordOf(item);
    if (record === undefined) throw new Error('a launched item has a record');
    return { kind: 'launched', record };
  }

  /** @param nowEpochMs the writer's wall clock, for the expiry of what is terminal */
  advance(key: ChargeKey, holder: LeaseHolder, advance: Advance, nowEpochMs: number): AdvanceResult {
    const { entry } = advance;
    if (entry === undefined) return this.#advanceAlone(key, holder, advance, nowEpochMs);
    if (entry.chargeId !== chargeIdOf(key)) {
      throw new Error(`the entry is of ${entry.chargeId}, the checkpoint of ${chargeIdOf(key)}`);
    }
    const slot = this.#ledger.standingAt(entry);
    const item = this.items.get(nameOf(key));
    const isMyTurn = this.#isMyTurn(item, holder, advance);
    if (slot === undefined && isMyTurn) {
      this.#ledger.put(entry);
      return this.#advanceAlone(key, holder, advance, nowEpochMs);
    }
    const contradiction = this.#ledger.contradicts(entry);
    if (contradiction !== undefined) return { kind: 'slot_taken', standing: contradiction };
    if (!isMyTurn) return advancedIfMine(item, holder, advance);
    return this.#advanceAlone(key, holder, advance, nowEpochMs);
  }

  fence(
    key: ChargeKey,
    holder: LeaseHolder,
    retentionSeconds: number,
    nowEpochMs: number,
  ): { kind: 'done' } | { kind: 'launched' } | { kind: 'fenced' } {
    const standing = this.items.get(nameOf(key));
    const isFree =
      standing === undefined || (standing.request === undefined && standing.epoch < holder.epoch);
    if (!isFree) {
      if (standing.request !== undefined) return { kind: 'launched' };
      return isMine(standing, holder) ? { kind: 'done' } : { kind: 'fenced' };
    }
    this.#write({
      key,
      ...holderOf(holder),
      ...{ request: undefined, paymentMethod: undefined },
      expiresAtEpochSeconds: Math.floor(nowEpochMs / 1_000) + retentionSeconds,
    });
    return { kind: 'done' };
  }

  refill(record: CheckpointRecord, retentionSeconds: number, nowEpochMs: number): void {
    const { key, checkpoint } = record;
    if (!isTerminal(checkpoint)) throw new Error(`a refill with ${checkpoint.step} is not terminal`);
    const standing = this.items.get(nameOf(key));
    if (standing !== undefined) {
      const { expiresAtEpochSeconds = Infinity, request } = standing;
      const isReplaceable = request === undefined || expiresAtEpochSeconds < expiredBefore(nowEpochMs);
      if (standing.epoch >= record.epoch || !isReplaceable) return;
    }
    this.#write({
      ...{ key, epoch: record.epoch, runId: record.runId, paymentMethod: undefined },
      request: { fingerprint: record.fingerprint, charge: withoutToken(record.charge), checkpoint },
      expiresAtEpochSeconds: Math.floor(nowEpochMs / 1_000) + retentionSeconds,
    });
  }

  /** The table's time to live, which deletes what has expired, some time or other. */
  purge(isDeleted: () => boolean): void {
    for (const { key, expiresAtEpochSeconds } of this.items.values()) {
      const isExpired =
        expiresAtEpochSeconds !== undefined &&
        expiresAtEpochSeconds * 1_000 < START_EPOCH_MS + this.#nowMs() - EXPIRY_SKEW_MS;
      if (isExpired && isDeleted()) this.items.delete(nameOf(key));
    }
  }

  #advanceAlone(key: ChargeKey, holder: LeaseHolder, advance: Advance, nowEpochMs: number): AdvanceResult {
    const item = this.items.get(nameOf(key));
    if (item?.request === undefined || !this.#isMyTurn(item, holder, advance)) {
      return advancedIfMine(item, holder, advance);
    }
    if (holder.epoch < item.epoch) {
      this.#onLowerEpoch(`checkpoints: ${advance.to.step} by epoch ${holder.epoch} over ${item.epoch}`);
    }
    const { to, correction, retentionSeconds } = advance;
    const terminal = isTerminal(to);
    if (terminal && retentionSeconds === undefined) {
      throw new Error(`an advance to ${to.step} needs retentionSeconds`);
    }
    const token = correction?.charge.paymentMethod;
    const corrected =
      correction === undefined
        ? item.paymentMethod
        : token === undefined
          ? undefined
          : { fingerprint: correction.fingerprint, token };
    const { fingerprint, charge } = correction ?? item.request;
    this.#write({
      ...item,
      request: { fingerprint, charge: withoutToken(charge), checkpoint: to },
      paymentMethod: terminal ? undefined : corrected,
      expiresAtEpochSeconds: terminal ? Math.floor(nowEpochMs / 1_000) + (retentionSeconds ?? 0) : undefined,
    });
    return { kind: 'advanced' };
  }

  #isMyTurn(item: ModelItem | undefined, holder: LeaseHolder, { from }: Advance): boolean {
    return item !== undefined && isMine(item, holder) && item.request?.checkpoint.step === from;
  }

  #write(item: ModelItem): void {
    const name = nameOf(item.key);
    const standing = this.items.get(name);
    if (standing !== undefined && item.epoch < standing.epoch) {
      this.#onLowerEpoch(`checkpoints: epoch ${item.epoch} over ${standing.epoch}`);
    }
    this.items.set(name, item, this.#nowMs());
  }
}

function withoutToken(
  charge: AcceptedWithoutToken & { paymentMethod?: string | undefined },
): AcceptedWithoutToken {
  const rest: { paymentMethod?: string | undefined } & AcceptedWithoutToken = { ...charge };
  delete rest.paymentMethod;
  return rest;
}

function holderOf({ epoch, runId }: LeaseHolder): { epoch: Epoch; runId: string } {
  return { epoch, runId };
}

function expiredBefore(nowEpochMs: number): number {
  return Math.floor((nowEpochMs - EXPIRY_SKEW_MS) / 1_000);
}

function isMine(item: ModelItem, holder: LeaseHolder): boolean {
  return item.epoch === holder.epoch && item.runId === holder.runId;
}

function recordOf({ key, epoch, runId, request, paymentMethod }: ModelItem): CheckpointRecord | undefined {
  if (request === undefined) return undefined;
  const { fingerprint, charge, checkpoint } = request;
  const hasToken = !isTerminal(checkpoint) && paymentMethod?.fingerprint === fingerprint;
  return {
    ...{ key, epoch, runId, fingerprint, checkpoint },
    charge: { ...charge, paymentMethod: hasToken ? paymentMethod.token : undefined },
  };
}

function advancedIfMine(item: ModelItem | undefined, holder: LeaseHolder, { to }: Advance): AdvanceResult {
  if (item?.request === undefined || !isMine(item, holder)) return { kind: 'fenced' };
  return { kind: isSameDecision(item.request.checkpoint, to) ? 'advanced' : 'fenced' };
}

/** Whether two checkpoints say the same about the charge, whenever and in whichever attempt they were written. */
function isSameDecision(one: Checkpoint, other: Checkpoint): boolean {
  return isDeepStrictEqual(decisive(one), decisive(other));
}

function decisive(checkpoint: Checkpoint): object {
  if (checkpoint.step === 'PSP_PENDING') return { step: checkpoint.step };
  if (checkpoint.step === 'VOIDING') return { ...checkpoint, voidAttempts: undefined };
  return checkpoint;
}
