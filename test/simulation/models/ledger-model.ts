import type { AppendResult } from '#gateway/ledger/ledger';
import { hasSameContent, isOwnRepeat } from '#gateway/ledger/ledger-entry-content';
import { seqOf, type LedgerEntry } from '#gateway/ledger/ledger-entry';

import { VersionedMap } from './versioned-map.ts';

/** A slot that is taken, with the name of its entry. */
interface Slot {
  readonly seq: number;
  readonly name: string;
}

/** The ledger table in memory: slots that are written once. Passes the same contract as the one on DynamoDB. */
export class LedgerModel {
  readonly entries: VersionedMap<LedgerEntry>;
  /** The slots of each charge that are taken, in their order. */
  readonly #slots = new Map<string, Slot[]>();
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
    const entries: LedgerEntry[] = [];
    for (const { name } of this.#slots.get(chargeId) ?? []) {
      const entry = this.entries.get(name);
      if (entry !== undefined) entries.push(entry);
    }
    return entries;
  }

  chargeIds(): string[] {
    return [...this.#slots.keys()];
  }

  /** The entry in the slot of `entry`, if the slot is taken. */
  standingAt(entry: LedgerEntry): LedgerEntry | undefined {
    const seq = seqOf(entry);
    const slot = this.#slots.get(entry.chargeId)?.find((taken) => taken.seq === seq);
    return slot === undefined ? undefined : this.entries.get(slot.name);
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
    this.entries.set(this.#index(entry), entry, this.#nowMs());
  }

  /** @returns the name of the entry */
  #index(entry: LedgerEntry): string {
    const seq = seqOf(entry);
    const name = `${entry.chargeId} ${seq}`;
    const slots = this.#slots.get(entry.chargeId);
    if (slots === undefined) this.#slots.set(entry.chargeId, [{ seq, name }]);
    else {
      slots.push({ seq, name });
      slots.sort((one, other) => one.seq - other.seq);
    }
    return name;
  }
}
