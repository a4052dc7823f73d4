import { CHECKPOINTS } from '#contract/tables';

import { ledgerEntryOf } from '../ledger/dynamo-ledger-item.ts';
import { appendWrite } from '../ledger/dynamo-ledger.ts';
import { hasSameContent } from '../ledger/ledger-entry-content.ts';
import type { LedgerEntry } from '../ledger/ledger-entry.ts';
import type { Clock } from '../platform/clock.ts';
import type { DynamoItemReader } from '../platform/dynamo-item-reader.ts';
import type { DynamoItem, DynamoRequests, TransactionPart } from '../platform/dynamo-requests.ts';
import { isTerminal, type CheckpointRecord } from '../saga/checkpoint.ts';
import { SealedPayloadError, type PayloadSealer } from '../sealing/payload-sealer.ts';
import { chargeIdOf, type ChargeKey } from './charge-key.ts';
import type {
  Advance,
  AdvanceResult,
  CheckpointRead,
  CheckpointStore,
  Launch,
  LaunchResult,
} from './checkpoint-store.ts';
import {
  checkpointOf,
  checkpointReader,
  isLaunched,
  isSameDecision,
  keyAttributes,
  sealedRecordOf,
  type SealedPaymentMethod,
} from './dynamo-checkpoint-item.ts';
import { advanceWrite, fenceWrite, launchWrite, refillWrite } from './dynamo-checkpoint-writes.ts';
import type { LeaseHolder } from './key-store.ts';

const STORE = 'checkpoints';

/** By how much the wall clocks of two machines may differ, generously. */
const EXPIRY_SKEW_MS = 60_000;

export interface DynamoCheckpointStoreOptions {
  readonly requests: DynamoRequests;
  readonly checkpointsTable: string;
  /** The table of `DynamoLedger`, which transactions append to. */
  readonly ledgerTable: string;
  readonly clock: Clock;
  readonly sealer: PayloadSealer;
  /** Told of a payment method that will never open: its charge can be looked up at the PSP, not created there. */
  readonly onUnreadable: (key: ChargeKey, error: SealedPayloadError) => void;
}

/** Checkpoints in a DynamoDB table. Payment methods are sealed before they get there. */
export class DynamoCheckpointStore implements CheckpointStore {
  private readonly requests: DynamoRequests;
  private readonly checkpointsTable: string;
  private readonly ledgerTable: string;
  private readonly clock: Clock;
  private readonly sealer: PayloadSealer;
  private readonly onUnreadable: DynamoCheckpointStoreOptions['onUnreadable'];

  constructor(options: DynamoCheckpointStoreOptions) {
    this.requests = options.requests;
    this.checkpointsTable = options.checkpointsTable;
    this.ledgerTable = options.ledgerTable;
    this.clock = options.clock;
    this.sealer = options.sealer;
    this.onUnreadable = options.onUnreadable;
  }

  async read(key: ChargeKey): Promise<CheckpointRead> {
    const item = await this.requests.get(STORE, {
      TableName: this.checkpointsTable,
      Key: keyAttributes(key),
      // A stale answer would be safe, since the key store and the launch decide. But an answer that a client has just
      // been given must replay with this one read, and an epoch that is missed here costs a refused launch.
      ConsistentRead: true,
    });
    if (item === undefined) return { kind: 'absent', epoch: 0 };
    const reader = checkpointReader(item);
    if (!isLaunched(reader)) return { kind: 'absent', epoch: reader.integer('epoch') };
    if (isTerminal(checkpointOf(reader)) && this.isExpired(reader)) {
      return { kind: 'absent', epoch: reader.integer('epoch') };
    }
    return { kind: 'present', record: await this.opened(reader) };
  }

  async launch(key: ChargeKey, holder: LeaseHolder, launch: Launch): Promise<LaunchResult> {
    // Before anything is written: where the key service is away, nothing is accepted.
    const paymentMethod = await this.sealed(key, launch);
    const write = launchWrite(this.checkpointsTable, key, holder, launch, paymentMethod);
    const result = await this.requests.update(STORE, write);
    if (result.kind === 'written') {
      return { kind: 'launched', record: await this.opened(readerOf(result.item)) };
    }
    const standing = readerOf(result.standing);
    if (isLaunched(standing) && isMine(standing, holder)) {
      return { kind: 'launched', record: await this.opened(standing) };
    }
    return { kind: 'fenced', epoch: standing.integer('epoch') };
  }

  async advance(key: ChargeKey, holder: LeaseHolder, advance: Advance): Promise<AdvanceResult> {
    const { entry } = advance;
    if (entry === undefined) return this.advanceAlone(key, holder, advance);
    if (entry.chargeId !== chargeIdOf(key)) {
      throw new Error(`the entry is of ${entry.chargeId}, the checkpoint of ${chargeIdOf(key)}`);
    }
    const result = await this.requests.transact(STORE, [
      { Put: appendWrite(this.ledgerTable, entry) },
      { Update: await this.advanceWrite(key, holder, advance) },
    ]);
    if (result.kind === 'written') return { kind: 'advanced' };
    const [slot, checkpoint] = result.parts;
    if (slot === undefined || checkpoint === undefined) {
      throw new Error('a cancelled transaction did not give a reason for each of its writes');
    }
    const standing = standingEntry(slot);
    // Said before "fenced", even where both are true: a run whose charge was approved must learn that somebody
    // decided to void it (protocol rule 11).
    if (standing !== undefined && !hasSameContent(standing, entry)) return { kind: 'slot_taken', standing };
    if (checkpoint.refused) return advancedIfMine(checkpoint.standing, holder, advance);
    // The same decision stands already, by an older run whose checkpoint did not survive: only ours is behind.
    return this.advanceAlone(key, holder, advance);
  }

  async fence(
    key: ChargeKey,
    holder: LeaseHolder,
    retentionSeconds: number,
  ): Promise<{ kind: 'done' } | { kind: 'launched' } | { kind: 'fenced' }> {
    const nowEpochMs = this.clock.nowEpochMs();
    const write = fenceWrite(this.checkpointsTable, key, holder, retentionSeconds, nowEpochMs);
    const result = await this.requests.put(STORE, write);
    if (result.kind === 'written') return { kind: 'done' };
    const standing = readerOf(result.standing);
    if (isLaunched(standing)) return { kind: 'launched' };
    return isMine(standing, holder) ? { kind: 'done' } : { kind: 'fenced' };
  }

  async refill(record: CheckpointRecord, retentionSeconds: number): Promise<void> {
    if (!isTerminal(record.checkpoint))
      throw new Error(`a refill with ${record.checkpoint.step} is not terminal`);
    const now = {
      nowEpochMs: this.clock.nowEpochMs(),
      expiredBeforeEpochSeconds: this.expiredBeforeEpochSeconds(),
    };
    // Refused: something that is as good, or newer, stands there.
    await this.requests.put(STORE, refillWrite(this.checkpointsTable, record, retentionSeconds, now));
  }

  private async advanceAlone(key: ChargeKey, holder: LeaseHolder, advance: Advance): Promise<AdvanceResult> {
    const result = await this.requests.update(STORE, await this.advanceWrite(key, holder, advance));
    if (result.kind === 'written') return { kind: 'advanced' };
    return advancedIfMine(result.standing, holder, advance);
  }

  private async advanceWrite(key: ChargeKey, holder: LeaseHolder, advance: Advance) {
    const { correction, to } = advance;
    const isNeeded = correction !== undefined && !isTerminal(to);
    const corrected = isNeeded ? await this.sealed(key, correction) : undefined;
    return advanceWrite(this.checkpointsTable, key, holder, advance, corrected, this.clock.nowEpochMs());
  }

  /** The payment method of a request, sealed for its key together with the fingerprint of the request. */
  private async sealed(
    key: ChargeKey,
    { fingerprint, charge }: Launch,
  ): Promise<SealedPaymentMethod | undefined> {
    if (charge.paymentMethod === undefined) return undefined;
    const plaintext = Buffer.from(`${fingerprint}\n${charge.paymentMethod}`);
    return { fingerprint, sealed: await this.sealer.seal(plaintext, key) };
  }

  /** The record of an item, with its payment method where it opens. */
  private async opened(reader: DynamoItemReader): Promise<CheckpointRecord> {
    const { record, sealedPaymentMethod } = sealedRecordOf(reader);
    if (sealedPaymentMethod === undefined) return record;
    const { key, fingerprint, charge } = record;
    try {
      const plaintext = Buffer.from(await this.sealer.open(sealedPaymentMethod, key)).toString();
      const [sealedFor = '', paymentMethod] = plaintext.split('\n', 2);
      // Swapped within the item: sealed for another request under the same key.
      if (sealedFor !== fingerprint) throw new SealedPayloadError('wrong-context');
      return { ...record, charge: { ...charge, paymentMethod } };
    } catch (error) {
      if (!(error instanceof SealedPayloadError)) throw error;
      this.onUnreadable(key, error);
      return record;
    }
  }

  private isExpired(reader: DynamoItemReader): boolean {
    const expiresAtEpochSeconds = reader.optionalInteger(CHECKPOINTS.timeToLive);
    return expiresAtEpochSeconds !== undefined && expiresAtEpochSeconds < this.expiredBeforeEpochSeconds();
  }

  /** Late rather than early: an answer is kept for at least as long as was promised, by every machine's clock. */
  private expiredBeforeEpochSeconds(): number {
    return Math.floor((this.clock.nowEpochMs() - EXPIRY_SKEW_MS) / 1_000);
  }
}

function readerOf(item: DynamoItem | undefined): DynamoItemReader {
  if (item === undefined) throw new Error('DynamoDB answered without the item that it was asked to return');
  return checkpointReader(item);
}

function isMine(reader: DynamoItemReader, holder: LeaseHolder): boolean {
  return reader.integer('epoch') === holder.epoch && reader.text('run_id') === holder.runId;
}

function standingEntry(slot: TransactionPart): LedgerEntry | undefined {
  if (!slot.refused) return undefined;
  if (slot.standing === undefined)
    throw new Error('DynamoDB refused an entry without the one that stands there');
  return ledgerEntryOf(slot.standing);
}

/** What a refused advance means: our own write, whose answer was lost (protocol rule 8), or that somebody is newer. */
function advancedIfMine(
  standing: DynamoItem | undefined,
  holder: LeaseHolder,
  { to }: Advance,
): AdvanceResult {
  if (standing === undefined) return { kind: 'fenced' };
  const reader = checkpointReader(standing);
  if (!isLaunched(reader) || !isMine(reader, holder)) return { kind: 'fenced' };
  const isMyMove = isSameDecision(checkpointOf(reader), to);
  return { kind: isMyMove ? 'advanced' : 'fenced' };
}
