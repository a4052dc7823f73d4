import { slotOf, type ChargeKey, chargeIdOf } from '#gateway/idempotency/charge-key';

import { assessCharge } from './assess-charge.ts';
import type { ChargeEvidence, KeyRow, MarkedPspCharge } from './charge-evidence.ts';
import { inParallel } from './in-parallel.ts';
import type { KeyRowShard } from './key-row-shard.ts';
import type { ReconciliationRun } from './reconcile.ts';
import type { ComparedCounts, ReconciliationReport } from './reconciliation-report.ts';
import { lengthMsOf, slicesOf, type TimeSlice } from './time-slice.ts';

export interface ScreeningResult {
  /** Charges that disagree at first sight. */
  readonly suspects: readonly ChargeEvidence[];
  /** Charges that were listed and for which no time was left. */
  readonly unscreened: number;
  readonly compared: Omit<ComparedCounts, 'examined'>;
  readonly coverage: ReconciliationReport['coverage'];
}

/** Lists in flight at a time: a PSP has better things to do. */
const LISTS_AT_A_TIME = 6;
const SHARD_READS_AT_A_TIME = 4;
const LEDGER_READS_AT_A_TIME = 48;
/** Keys of one statement. */
const ROW_BATCH_SIZE = 200;

/** A charge of the window as the lists have it. */
interface Candidate {
  readonly key: ChargeKey;
  readonly chargeId: string;
  readonly pspCharges: MarkedPspCharge[];
  row: KeyRow | undefined;
}

/** The first look: lists the window at the PSPs and in the key store, and reads the ledger of every charge in them. */
export class ChargeScreening {
  readonly #run: ReconciliationRun;
  readonly #candidates = new Map<string, Candidate>();
  readonly #counts = { pspCharges: 0, ofOtherRegions: 0, foreign: 0, endedRows: 0, openRows: 0 };
  readonly #covered = { pspMs: 0, keyStoreMs: 0 };
  /** Parts of the window that a PSP did not list. */
  readonly #unlisted: TimeSlice[] = [];

  constructor(run: ReconciliationRun) {
    this.#run = run;
  }

  async screen(): Promise<ScreeningResult> {
    await Promise.all([this.#listPsps(), this.#readShards()]);
    await this.#readMissingRows();
    const suspects: ChargeEvidence[] = [];
    let screened = 0;
    await inParallel(this.#candidates.values(), LEDGER_READS_AT_A_TIME, async (candidate) => {
      if (!this.#run.hasTime()) return;
      const evidence = await this.#evidenceOf(candidate);
      if (evidence === undefined || this.#mayBeUnlisted(evidence)) return;
      screened += 1;
      const nowEpochMs = this.#run.ports.clock.nowEpochMs();
      const findings = assessCharge(evidence, { ...this.#run.settings.bounds, nowEpochMs });
      if (findings.length > 0) suspects.push(evidence);
    });
    return {
      suspects,
      unscreened: this.#candidates.size - screened,
      compared: { ...this.#counts, charges: screened },
      coverage: this.#coverage(),
    };
  }

  async #listPsps(): Promise<void> {
    const { ports, settings, fail, hasTime } = this.#run;
    const { window, limits } = settings;
    const lists = ports.accounts.flatMap((account) =>
      slicesOf(window, limits.sliceMs).map((slice) => ({ account, slice })),
    );
    await inParallel(lists, LISTS_AT_A_TIME, async ({ account, slice }) => {
      let listedFromEpochMs = slice.toEpochMs;
      try {
        if (!hasTime()) return;
        const { charges, foreign, coveredFromEpochMs } = await account.list(
          slice,
          limits.mostChargesPerSlice,
        );
        listedFromEpochMs = coveredFromEpochMs;
        this.#counts.foreign += foreign;
        for (const charge of charges) this.#addPspCharge(charge);
      } catch (error) {
        fail(`the charges of ${account.name} ${textOf(slice)}`, error);
      } finally {
        this.#covered.pspMs += slice.toEpochMs - listedFromEpochMs;
        if (listedFromEpochMs > slice.fromEpochMs) {
          this.#unlisted.push({ fromEpochMs: slice.fromEpochMs, toEpochMs: listedFromEpochMs });
        }
      }
    });
  }

  #addPspCharge(charge: MarkedPspCharge): void {
    if (this.#shardOf(charge.key) === undefined) {
      this.#counts.ofOtherRegions += 1;
      return;
    }
    const { pspCharges } = this.#candidate(charge.key, charge.chargeId);
    // Neighbouring slices may share a second, where a PSP counts in seconds.
    if (pspCharges.some(({ pspChargeId }) => pspChargeId === charge.pspChargeId)) return;
    this.#counts.pspCharges += 1;
    pspCharges.push(charge);
  }

  async #readShards(): Promise<void> {
    const { ports, settings, hasTime } = this.#run;
    const { window, limits } = settings;
    const reads = [...ports.homeShards.values()].flatMap((shard) => [
      () => this.#readOpenRows(shard),
      ...slicesOf(window, limits.sliceMs).map((slice) => () => this.#readEndedRows(shard, slice)),
    ]);
    await inParallel(reads, SHARD_READS_AT_A_TIME, async (read) => {
      if (hasTime()) await read();
    });
  }

  async #readOpenRows(shard: KeyRowShard): Promise<void> {
    const { ports, settings, fail } = this.#run;
    // What has an end and lacks its event is in flight as well, for the key store: looked for from the grace on.
    const before = ports.clock.nowEpochMs() - Math.min(settings.bounds.graceMs, settings.bounds.openAtMostMs);
    try {
      const rows = await shard.openSince(before, settings.limits.mostOpenRows);
      this.#counts.openRows += rows.length;
      for (const row of rows) this.#candidate(row.key, chargeIdOf(row.key)).row = row;
    } catch (error) {
      fail(`the charges in flight of ${shard.name}`, error);
    }
  }

  async #readEndedRows(shard: KeyRowShard, slice: TimeSlice): Promise<void> {
    const { settings, fail } = this.#run;
    try {
      const { rows, coveredFromEpochMs } = await shard.endedIn(slice, settings.limits.mostRowsPerSlice);
      this.#counts.endedRows += rows.length;
      this.#covered.keyStoreMs += slice.toEpochMs - coveredFromEpochMs;
      for (const row of rows) this.#candidate(row.key, chargeIdOf(row.key)).row = row;
    } catch (error) {
      fail(`the rows of ${shard.name} ${textOf(slice)}`, error);
    }
  }

  /** Rows of charges that the PSP has in the window, and that ended outside of it or of what was read of it. */
  async #readMissingRows(): Promise<void> {
    const { fail, hasTime } = this.#run;
    const missing = [...this.#candidates.values()].filter(({ row }) => row === undefined);
    const byShard = Map.groupBy(missing, ({ key }) => this.#shardOf(key));
    const batches = [...byShard].flatMap(([shard, candidates]) =>
      shard === undefined ? [] : batchesOf(candidates).map((batch) => ({ shard, batch })),
    );
    await inParallel(batches, SHARD_READS_AT_A_TIME, async ({ shard, batch }) => {
      if (!hasTime()) return;
      try {
        const rows = await shard.rowsOf(batch.map(({ key }) => key));
        const byKey = new Map(rows.map((row) => [textOfKey(row.key), row]));
        for (const candidate of batch) candidate.row = byKey.get(textOfKey(candidate.key));
      } catch (error) {
        fail(`rows by key of ${shard.name}`, error);
      }
    });
  }

  async #evidenceOf({ key, chargeId, pspCharges, row }: Candidate): Promise<ChargeEvidence | undefined> {
    try {
      const ledger = await this.#run.ports.ledger.read(chargeId);
      return { key, chargeId, pspCharges, ledger, row, step: undefined };
    } catch (error) {
      this.#run.fail(`the ledger of ${chargeId}`, error);
      return undefined;
    }
  }

  /** Its charge was made where the list of the PSP has a gap: what is not listed is not missing. */
  #mayBeUnlisted({ pspCharges, ledger, row }: ChargeEvidence): boolean {
    if (pspCharges.length > 0 || ledger.kind === 'unreadable' || row?.status === 'PROCESSING') return false;
    const settled = ledger.entries.find((entry) => entry.state === 'SETTLED');
    const reserved = ledger.entries.find((entry) => entry.state === 'RESERVED');
    if (settled === undefined || reserved === undefined) return false;
    const madeAfterEpochMs = Date.parse(reserved.recordedAt);
    const madeBeforeEpochMs = Date.parse(settled.recordedAt);
    return this.#unlisted.some(
      ({ fromEpochMs, toEpochMs }) => madeAfterEpochMs < toEpochMs && madeBeforeEpochMs >= fromEpochMs,
    );
  }

  #candidate(key: ChargeKey, chargeId: string): Candidate {
    // A charge may be marked with an id that is not its key's: then it is none of that key's.
    const name = `${textOfKey(key)}\n${chargeId}`;
    const known = this.#candidates.get(name);
    if (known !== undefined) return known;
    const candidate: Candidate = { key, chargeId, pspCharges: [], row: undefined };
    this.#candidates.set(name, candidate);
    return candidate;
  }

  #shardOf(key: ChargeKey): KeyRowShard | undefined {
    const { homeShards, shardMap } = this.#run.ports;
    return homeShards.get(shardMap.shardOf(slotOf(key)));
  }

  #coverage(): ReconciliationReport['coverage'] {
    const { ports, settings } = this.#run;
    const windowMs = lengthMsOf(settings.window);
    const share = (coveredMs: number, lists: number) =>
      lists === 0 || windowMs === 0 ? 1 : coveredMs / (windowMs * lists);
    return {
      psp: share(this.#covered.pspMs, ports.accounts.length),
      keyStore: share(this.#covered.keyStoreMs, ports.homeShards.size),
    };
  }
}

function batchesOf(candidates: readonly Candidate[]): Candidate[][] {
  const batches: Candidate[][] = [];
  for (let start = 0; start < candidates.length; start += ROW_BATCH_SIZE) {
    batches.push(candidates.slice(start, start + ROW_BATCH_SIZE));
  }
  return batches;
}

function textOfKey({ tenantId, idempotencyKey }: ChargeKey): string {
  return `${tenantId}\n${idempotencyKey}`;
}

function textOf({ fromEpochMs, toEpochMs }: TimeSlice): string {
  return `from ${new Date(fromEpochMs).toISOString()} to ${new Date(toEpochMs).toISOString()}`;
}
