import type { AppendResult } from '#gateway/ledger/ledger';
import { hasSameContent, isOwnRepeat } from '#gateway/ledger/ledger-entry-content';
import { seqOf, type LedgerEntry } from '#gateway/ledger/ledger-entry';

import { VersionedMap } from './versioned-map.ts';

/** The ledger table in memory: slots that are written once. Passes the same contract as the one on DynamoDB. */
export class LedgerModel {
  readonly entries: VersionedMap<LedgerEntry>;
  readonly #slots = new Map<string, number[]>();
  readonly #nowMs: () => number;
  readonly #onLowerEpoch: (text: string) => void;

  constructor(options: {
    readonly nowMs: () => number;
    readonly onLowerEpoch: (text: string) => void;
    readonly entries?: VersionedMap<LedgerEntry>;
  }) {
    this.#nowMs = options.nowMs;
    this.#onLowerEpoch = options.onLowerEpoch;
    this.entries = options.entries ?? new VersionedMap();
    for (const entry of this.entries.values()) this.#index(entry);
  }

  append(entry: LedgerEntry): AppendResult {
    const standing = this.standingAt(entry);
    if (standing !== undefined) {
      return isOwnRepeat(standing, entry) ? { kind: 'appended' } : { kind: 'taken', standing };
    }
    this.put(entry);
    return { kind: 'appended' };
  }

  read(chargeId: string): LedgerEntry[] {
    return (this.#slots.get(chargeId) ?? [])
      .toSorted((one, other) => one - other)
      .flatMap((seq) => this.entries.get(`${chargeId} ${seq}`) ?? []);
  }

  chargeIds(): string[] {
    return [...this.#slots.keys()];
  }

  /** The entry in the slot of `entry`, if the slot is taken. */
  standingAt(entry: LedgerEntry): LedgerEntry | undefined {
    return this.entries.get(`${entry.chargeId} ${seqOf(entry)}`);
  }

  /** Whether the slot is taken by something that says otherwise. */
  contradicts(entry: LedgerEntry): LedgerEntry | undefined {
    const standing = this.standingAt(entry);
    return standing !== undefined && !hasSameContent(standing, entry) ? standing : undefined;
  }

  /** Writes into a slot that is free. */
  put(entry: LedgerEntry): void {
    // A late success is written under the epoch of the decision that it completes.
    const highest = Math.max(0, ...this.read(entry.chargeId).map(({ epoch }) => epoch));
    if (entry.state !== 'LATE_SUCCESS_VOIDED' && entry.epoch < highest) {
      this.#onLowerEpoch(`ledger: ${entry.state} with epoch ${entry.epoch} after ${highest}`);
    }
    this.entries.set(`${entry.chargeId} ${seqOf(entry)}`, entry, this.#nowMs());
    this.#index(entry);
  }

  #index(entry: LedgerEntry): void {
    const slots = this.#slots.get(entry.chargeId);
    if (slots === undefined) this.#slots.set(entry.chargeId, [seqOf(entry)]);
    else slots.push(seqOf(entry));
  }
}
