import type { AuditIndex } from './audit-index.ts';
import type { ChargeFacts, KeyRow } from './charge-facts.ts';
import type { DeliveredEventReader } from './delivered-event-reader.ts';
import type { PspObserver } from './psp-observer.ts';
import type { TableReader } from './table-reader.ts';

export interface ChargeReaderOptions {
  readonly tables: TableReader;
  /** Undefined where the event bus is not the local one. */
  readonly events: DeliveredEventReader | undefined;
  /** Undefined where the PSP is not the simulator. */
  readonly psp: PspObserver | undefined;
  readonly audit: AuditIndex;
}

export interface ReadIdentity {
  readonly chargeId: string;
  readonly tenantId: string;
  readonly idempotencyKey: string;
  /** Known to whoever sent the charge, before a store says it. */
  readonly pspName: string | undefined;
}

/** A charge that ended so long ago changes no more, but for a late success. */
const QUIET_AFTER_MS = 15_000;
/** One whose event the bus does not remember is looked at for so long. */
const GIVEN_UP_AFTER_MS = 120_000;
const MOST_REMEMBERED = 500;

/** Reads all stores for a charge, and remembers what has ended, so that a list of charges costs little. */
export class ChargeReader {
  readonly #options: ChargeReaderOptions;
  readonly #ended = new Map<string, ChargeFacts>();

  constructor(options: ChargeReaderOptions) {
    this.#options = options;
  }

  /** @param isFresh read it again, even where it had ended */
  async read(identity: ReadIdentity, row: KeyRow | undefined, isFresh: boolean): Promise<ChargeFacts> {
    const { chargeId } = identity;
    const ended = this.#ended.get(chargeId);
    if (ended !== undefined && !isFresh) return ended;
    const facts = await this.#read(identity, row);
    if (row !== undefined && hasEnded(facts, row)) this.#remember(facts);
    return facts;
  }

  /**
   * The order matters: what happens later is read earlier, so that nothing is seen without what came before it. A
   * settlement that is seen has its charge at the PSP.
   */
  async #read(identity: ReadIdentity, row: KeyRow | undefined): Promise<ChargeFacts> {
    const { tables, events, psp, audit } = this.#options;
    const { chargeId, tenantId, idempotencyKey } = identity;
    const archive = audit.entriesOf(chargeId);
    const delivered = (await events?.eventsOf(chargeId)) ?? [];
    const checkpoint = await tables.checkpoint(tenantId, idempotencyKey);
    const ledger = await tables.ledger(chargeId);
    const pspName = checkpoint?.pspName ?? identity.pspName;
    return {
      ...{ chargeId, tenantId, idempotencyKey, row, checkpoint, ledger, archive, events: delivered },
      psp: await psp?.chargesOf(identity, pspName),
    };
  }

  #remember(facts: ChargeFacts): void {
    this.#ended.set(facts.chargeId, facts);
    const [oldest] = this.#ended.keys();
    if (this.#ended.size > MOST_REMEMBERED && oldest !== undefined) this.#ended.delete(oldest);
  }
}

function hasEnded({ events, archive, ledger }: ChargeFacts, row: KeyRow): boolean {
  const ageMs = Date.now() - Date.parse(row.createdAt);
  if (row.status !== 'TERMINAL' || ageMs < QUIET_AFTER_MS) return false;
  if (ageMs > GIVEN_UP_AFTER_MS) return true;
  const isConsumed = events.every(({ queues, consumedBy }) => (consumedBy?.length ?? 0) >= queues.length);
  return events.length > 0 && isConsumed && archive.length >= ledger.length;
}
