import { slotOf, type ChargeKey } from '#gateway/idempotency/charge-key';
import type { PspCharge } from '#gateway/psp/payment-service-provider';

import { assessCharge, type Finding } from './assess-charge.ts';
import type { ChargeEvidence, KeyRow, LedgerRecord } from './charge-evidence.ts';
import { inParallel } from './in-parallel.ts';
import type { ReconciliationRun } from './reconcile.ts';

export interface Examination {
  readonly findings: readonly Finding[];
  /** Charges that could not be looked at: no time was left, or a store or the PSP gave no answer. */
  readonly unexamined: number;
}

const EXAMINATIONS_AT_A_TIME = 8;

/** Looks at charges one by one, by live reads of the PSP and consistent ones of the stores. */
export class ChargeExaminer {
  readonly #run: ReconciliationRun;

  constructor(run: ReconciliationRun) {
    this.#run = run;
  }

  /** Examines each twice, with the pause between; a finding of one look alone was a charge on its way. */
  async examine(suspects: readonly ChargeEvidence[]): Promise<Examination> {
    if (suspects.length === 0) return { findings: [], unexamined: 0 };
    const first = await this.#look(suspects);
    const standing = suspects.filter((suspect) => (first.get(suspect)?.length ?? 0) > 0);
    if (standing.length === 0) return { findings: [], unexamined: suspects.length - first.size };
    const { ports, settings } = this.#run;
    await ports.clock.sleep(settings.limits.confirmAfterMs);
    const second = await this.#look(standing);
    const findings = standing.flatMap((suspect) => {
      const kinds = new Set(first.get(suspect)?.map(({ kind }) => kind));
      return (second.get(suspect) ?? []).filter(({ kind }) => kinds.has(kind));
    });
    return { findings, unexamined: suspects.length - first.size + standing.length - second.size };
  }

  async #look(suspects: readonly ChargeEvidence[]): Promise<Map<ChargeEvidence, Finding[]>> {
    const { ports, settings, fail, hasTime } = this.#run;
    const seen = new Map<ChargeEvidence, Finding[]>();
    await inParallel(suspects, EXAMINATIONS_AT_A_TIME, async (suspect) => {
      if (!hasTime()) return;
      try {
        const evidence = await this.#read(suspect);
        seen.set(
          suspect,
          assessCharge(evidence, { ...settings.bounds, nowEpochMs: ports.clock.nowEpochMs() }),
        );
      } catch (error) {
        fail(`the charge ${suspect.chargeId}`, error);
      }
    });
    return seen;
  }

  async #read({ key, chargeId, pspCharges: listed }: ChargeEvidence): Promise<ChargeEvidence> {
    const { ports } = this.#run;
    const ledger = await ports.ledger.read(chargeId);
    const ids = new Set(listed.map(({ pspChargeId }) => pspChargeId));
    for (const id of idsIn(ledger)) ids.add(id);
    const pspCharges: PspCharge[] = [];
    for (const id of ids) {
      const found = await this.#retrieve(id, pspNameIn(ledger));
      if (found !== undefined) pspCharges.push(found);
    }
    const [row, step] = await Promise.all([this.#rowOf(key), ports.checkpoints.stepOf(key)]);
    return { key, chargeId, pspCharges, ledger, row, step };
  }

  /** From the account that has it; the accounts of the charge's own PSP, where the ledger names one. */
  async #retrieve(pspChargeId: string, pspName: string | undefined): Promise<PspCharge | undefined> {
    const { accounts } = this.#run.ports;
    const named = accounts.filter((account) => account.pspName === pspName);
    for (const account of named.length === 0 ? accounts : named) {
      const found = await account.retrieve(pspChargeId);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  async #rowOf(key: ChargeKey): Promise<KeyRow | undefined> {
    const { homeShards, shardMap } = this.#run.ports;
    const [row] = (await homeShards.get(shardMap.shardOf(slotOf(key)))?.rowsOf([key])) ?? [];
    return row;
  }
}

/** What the ledger says that the charge is at the PSP: looked at also where no list had it. */
function idsIn(ledger: LedgerRecord): readonly string[] {
  if (ledger.kind === 'unreadable') return [];
  return ledger.entries.flatMap((entry) => ('pspChargeId' in entry ? (entry.pspChargeId ?? []) : []));
}

function pspNameIn(ledger: LedgerRecord): string | undefined {
  if (ledger.kind === 'unreadable') return undefined;
  return ledger.entries.find((entry) => entry.state === 'RESERVED')?.pspName;
}
