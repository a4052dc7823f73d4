import { setTimeout as sleep } from 'node:timers/promises';

import { CONSUMERS } from '#contract/events';
import type { LedgerEntry } from '#gateway/ledger/ledger-entry';

import { mix, SeededRandom } from '../simulation/seeded-random.ts';
import type { Violation } from '../simulation/violation.ts';
import { readLedger } from '../support/charge-audit.ts';
import { pspRecords } from '../support/psp-records.ts';
import { queryDatabase } from '../support/query-database.ts';
import { audit, type KeyRow } from './audit.ts';
import { ChargeTraffic } from './charge-traffic.ts';
import { deckOfDisturbances, shortDeckOfDisturbances } from './disturbances.ts';
import { ChaosDriver } from './driver.ts';
import { EventReader } from './event-reader.ts';
import { Figures } from './figures.ts';
import { Product } from './product.ts';
import { TIMING } from './timing.ts';

/** Without faults everything must come to an end within this. */
const QUIET_WITHIN_MS = 150_000;
const EVENTS_WITHIN_MS = 60_000;
const PROGRESS_EVERY_MS = 10_000;
const REPLAYS_AT_A_TIME = 16;

export interface CampaignOptions {
  readonly seed: number;
  /** How long faults happen. */
  readonly faultsForMs: number;
  /** Payments that begin in a second. */
  readonly rate: number;
  /** The few faults of the short form, in a fixed order. */
  readonly isShort: boolean;
  readonly mutant: string | undefined;
  readonly onProgress: (line: string) => void;
  /** Takes each line that a part prints. */
  readonly onOutput: (line: string) => void;
}

export interface CampaignReport {
  readonly violations: readonly Violation[];
  readonly figures: Figures;
  readonly charges: ChargeFigures;
  /** From the end of the faults until nothing was open any more. */
  readonly quietAfterMs: number;
}

export interface ChargeFigures {
  readonly accepted: number;
  readonly settled: number;
  readonly voided: number;
  /** Charges for which more than one PSP charge stands. */
  readonly duplicates: number;
  /** Runs that went on with a charge which another run had begun. */
  readonly takeovers: number;
  /** From the reservation to the decision of the slowest charge whose decision another run made. */
  readonly slowestRecoveryMs: number;
}

/** A part of the campaign's own world is gone: it says nothing of the product. */
export class CampaignBrokenError extends Error {
  override readonly name = 'CampaignBrokenError';
}

/**
 * Lets charges flow through real processes while they are disturbed; then without faults until nothing is open; then
 * audits.
 *
 * @throws CampaignBrokenError, ProcessStartError
 */
export async function runChaosCampaign(options: CampaignOptions): Promise<CampaignReport> {
  const campaign = new Campaign(options);
  try {
    return await campaign.run();
  } finally {
    await campaign.stop();
  }
}

class Campaign {
  readonly #options: CampaignOptions;
  readonly #figures = new Figures();
  readonly #defects: Violation[] = [];
  #lost: string | undefined;
  #product: Product | undefined;
  #events: EventReader | undefined;

  constructor(options: CampaignOptions) {
    this.#options = options;
  }

  async run(): Promise<CampaignReport> {
    const { seed, rate, mutant, onProgress, onOutput } = this.#options;
    const figures = this.#figures;
    const onDefect = (text: string): void => {
      if (this.#defects.length < 100) this.#defects.push({ invariant: 'defect', text });
    };
    onProgress('starting the stores, three tasks, the sweeper and the simulated PSP');
    const product = await Product.start({
      ...{ seed, timing: TIMING, mutant, figures, onDefect, onOutput },
      onLost: (reason) => (this.#lost ??= reason),
    });
    this.#product = product;
    const events = new EventReader({ sqs: product.sqs, queueUrls: product.consumerQueueUrls, onDefect });
    this.#events = events;
    events.start();
    const random = new SeededRandom(mix(seed, 1));
    const traffic = new ChargeTraffic({ urls: product.taskUrls, random, rate, figures, onDefect });
    traffic.start();
    await this.#disturb(product, traffic);
    const quietAfterMs = await this.#quiesce(product, traffic);
    return await this.#audit(product, traffic, quietAfterMs);
  }

  async stop(): Promise<void> {
    await this.#events?.stop();
    await this.#product?.stop();
  }

  async #disturb(product: Product, traffic: ChargeTraffic): Promise<void> {
    const { seed, isShort, faultsForMs } = this.#options;
    const scene = {
      ...{ product, timing: TIMING, figures: this.#figures, asleep: new Set<string>() },
      random: new SeededRandom(mix(seed, 2)),
    };
    const deck = isShort ? shortDeckOfDisturbances(TIMING) : deckOfDisturbances(TIMING);
    const driver = new ChaosDriver(scene, deck, { shuffles: !isShort });
    driver.start();
    const sinceMs = performance.now();
    const leftMs = (): number => sinceMs + faultsForMs - performance.now();
    // A short form on a slow machine goes on until each of its faults has happened.
    const isOver = (): boolean => leftMs() <= 0 && (!isShort || driver.rounds > 0);
    while (!isOver()) {
      await sleep(Math.min(Math.max(leftMs(), 500), PROGRESS_EVERY_MS));
      this.#tellProgress(traffic, `${Math.max(0, Math.round(leftMs() / 1_000))} s left`);
      this.#refuseWhenBroken();
    }
    await traffic.stopBeginning();
    await driver.stop();
  }

  /** @returns how long it took until nothing was open any more; the bound, where something still is */
  async #quiesce(product: Product, traffic: ChargeTraffic): Promise<number> {
    this.#options.onProgress('the faults are over: everything must come to its end');
    const since = performance.now();
    const finished = traffic.finish(QUIET_WITHIN_MS);
    while (performance.now() - since < QUIET_WITHIN_MS) {
      await sleep(500);
      this.#refuseWhenBroken();
      if (traffic.underWay === 0 && (await openRows(product)) === 0) break;
    }
    const quietAfterMs = performance.now() - since;
    const unanswered = await finished;
    if (unanswered > 0) {
      this.#defects.push({
        invariant: 'I3',
        text: `the clients of ${unanswered} charges got no final answer within ${QUIET_WITHIN_MS / 1_000} s without faults`,
      });
    }
    await traffic.replayAll(REPLAYS_AT_A_TIME);
    return quietAfterMs;
  }

  async #audit(product: Product, traffic: ChargeTraffic, quietAfterMs: number): Promise<CampaignReport> {
    const { names } = product.cloud.resources;
    const ledger = await readLedger(product.dynamodb, names.ledgerTable);
    const ended = [...ledger].filter(([, entries]) => decisionIn(entries) !== undefined).map(([id]) => id);
    await this.#awaitEvents(ended);
    const psp = await pspRecords(product.cloud.pspUrl);
    const rows = await keyRows(product);
    const { invocations } = traffic;
    const events = this.#events;
    if (events === undefined) throw new Error('the events are read from the start');
    this.#figures.add('events received', events.received);
    return {
      violations: [...this.#defects, ...audit({ ledger, psp, events, invocations, rows })],
      figures: this.#figures,
      charges: chargeFigures(ledger, psp, rows),
      quietAfterMs,
    };
  }

  async #awaitEvents(ended: readonly string[]): Promise<void> {
    const until = performance.now() + EVENTS_WITHIN_MS;
    const isMissing = (): boolean =>
      ended.some((chargeId) =>
        CONSUMERS.some((consumer) => this.#events?.eventsOf(consumer, chargeId).length === 0),
      );
    while (isMissing() && performance.now() < until) await sleep(250);
  }

  #tellProgress(traffic: ChargeTraffic, left: string): void {
    const figures = this.#figures;
    const answers = figures
      .under('answer ')
      .map(([status, count]) => `${status} × ${count}`)
      .join(', ');
    this.#options.onProgress(
      `${left} · ${figures.of('payments')} payments, ${figures.of('charges ended')} ended, ` +
        `${traffic.underWay} under way, answers ${answers} · ${figures.sumUnder('fault ')} faults: ` +
        `${figures.of('fault kill of a task')} kills, ${figures.of('fault stop of a task')} stops, ` +
        `${figures.sumUnder('fault restart of PostgreSQL')} restarts of PostgreSQL` +
        (this.#defects.length > 0 ? ` · ${this.#defects.length} DEFECTS` : ''),
    );
  }

  #refuseWhenBroken(): void {
    if (this.#lost !== undefined) throw new CampaignBrokenError(this.#lost);
  }
}

async function openRows(product: Product): Promise<number> {
  const counts = await Promise.all(
    product.cloud.databaseUrls.map((url) =>
      queryDatabase(url, `select 1 from idempotency_keys where status = 'PROCESSING'`).catch(() => [{}]),
    ),
  );
  return counts.flat().length;
}

interface CountedRow extends KeyRow {
  readonly acquisitions: number;
}

async function keyRows(product: Product): Promise<CountedRow[]> {
  const sql = `select tenant_id, idempotency_key, status, response_body, epoch % (2::bigint ^ 40)::bigint as counter from idempotency_keys`;
  const rows = await Promise.all(product.cloud.databaseUrls.map((url) => queryDatabase(url, sql)));
  return rows.flat().map((row) => ({
    tenantId: String(row.tenant_id),
    idempotencyKey: String(row.idempotency_key),
    status: String(row.status),
    responseBody: typeof row.response_body === 'string' ? row.response_body : null,
    acquisitions: Number(row.counter),
  }));
}

function decisionIn(entries: readonly LedgerEntry[]): LedgerEntry | undefined {
  return entries.find(({ state }) => state === 'SETTLED' || state === 'VOIDED');
}

function chargeFigures(
  ledger: ReadonlyMap<string, readonly LedgerEntry[]>,
  psp: Awaited<ReturnType<typeof pspRecords>>,
  rows: readonly CountedRow[],
): ChargeFigures {
  const charges = [...ledger.values()];
  const standing = Map.groupBy(
    psp.filter((record) => record.netCharged > 0),
    ({ metadata }) => metadata.charge_once_charge_id ?? '',
  );
  const recoveriesMs = charges.map((entries) => {
    const reserved = entries.find(({ state }) => state === 'RESERVED');
    const decision = decisionIn(entries);
    if (reserved === undefined || decision === undefined || reserved.epoch === decision.epoch) return 0;
    return Date.parse(decision.recordedAt) - Date.parse(reserved.recordedAt);
  });
  return {
    accepted: charges.length,
    settled: charges.filter((entries) => decisionIn(entries)?.state === 'SETTLED').length,
    voided: charges.filter((entries) => decisionIn(entries)?.state === 'VOIDED').length,
    duplicates: [...standing.values()].filter((records) => records.length > 1).length,
    takeovers: rows.reduce((sum, { acquisitions }) => sum + Math.max(0, acquisitions - 1), 0),
    slowestRecoveryMs: Math.max(0, ...recoveriesMs),
  };
}
