import { seqOf, type LedgerEntry } from '#gateway/ledger/ledger-entry';

import type { ChargeAct, ChargeFacts } from './charge-facts.ts';
import { chargeStages } from './charge-stages.ts';
import { chargeVerdict, standingCharges, type Surroundings } from './charge-verdict.ts';
import type { ActRow, ArchiveRow, ChargeDetail, ChargeSummary, LedgerRow, PspRows } from './console-view.ts';
import { moneyText } from './money-text.ts';
import { runNumber } from './run-number.ts';
import { scenarioLabel } from './scenarios.ts';
import type { SentCharge } from './sent-charges.ts';

/** A charge as it stands in the list. */
export function chargeSummary(
  facts: ChargeFacts,
  sent: SentCharge | undefined,
  surroundings: Surroundings,
): ChargeSummary {
  const verdict = chargeVerdict(facts, surroundings);
  const { amountMinor, currency } = moneyOf(facts, sent);
  return {
    id: facts.chargeId,
    tenantId: facts.tenantId,
    amount: currency === undefined ? '' : moneyText(amountMinor, currency),
    title: titleOf(facts, sent),
    createdAt: sent?.sentAt ?? facts.row?.createdAt ?? '',
    verdict,
    stages: chargeStages(facts, verdict.tone === 'waiting'),
  };
}

/** A charge with all that the stores say of it, side by side. */
export function chargeDetail(
  facts: ChargeFacts,
  sent: SentCharge | undefined,
  surroundings: Surroundings,
): ChargeDetail {
  const { row, checkpoint, ledger, events, idempotencyKey } = facts;
  const reserved = ledger.find((entry) => entry.state === 'RESERVED');
  return {
    ...chargeSummary(facts, sent, surroundings),
    idempotencyKey,
    description: sent?.description ?? checkpoint?.description ?? reserved?.description,
    pspName: checkpoint?.pspName ?? reserved?.pspName,
    lease:
      row === undefined
        ? undefined
        : {
            status: row.status,
            run: runNumber(row.epoch),
            remainingMs: row.leaseRemainingMs,
            resumeInMs: row.resumeInMs,
          },
    step: checkpoint?.checkpoint.step,
    canRepeat: sent !== undefined,
    runningTask: runningTask(surroundings),
    acts: surroundings.acts.map((act) => actRow(act, moneyOf(facts, sent).currency)),
    ledger: ledger.map(ledgerRow),
    events,
    psp: pspRows(facts, moneyOf(facts, sent).currency),
    archive: archiveRows(facts),
  };
}

function moneyOf(
  { checkpoint, ledger }: ChargeFacts,
  sent: SentCharge | undefined,
): { readonly amountMinor: number; readonly currency: string | undefined } {
  const reserved = ledger.find((entry) => entry.state === 'RESERVED');
  const found = sent ?? checkpoint ?? reserved;
  return { amountMinor: found?.amountMinor ?? 0, currency: found?.currency };
}

function titleOf({ psp }: ChargeFacts, sent: SentCharge | undefined): string {
  const paymentMethod = sent?.paymentMethod ?? psp?.charges[0]?.paymentMethod;
  if (paymentMethod === undefined) return 'sent from elsewhere';
  return scenarioLabel(paymentMethod) ?? paymentMethod;
}

function runningTask({ acts, livePids }: Surroundings): ChargeDetail['runningTask'] {
  return acts.find(
    ({ kind, answer, task }) =>
      kind !== 'kill' && answer.kind === 'waiting' && task !== undefined && livePids.includes(task.pid),
  )?.task;
}

function actRow({ amountMinor, ...act }: ChargeAct, currency: string | undefined): ActRow {
  const isMoney = amountMinor !== undefined && currency !== undefined;
  return { ...act, amount: isMoney ? moneyText(amountMinor, currency) : undefined };
}

function ledgerRow(entry: LedgerEntry): LedgerRow {
  return {
    seq: seqOf(entry),
    state: entry.state,
    at: entry.recordedAt,
    run: runNumber(entry.epoch),
    notes: notesOf(entry),
  };
}

function notesOf(entry: LedgerEntry): readonly string[] {
  switch (entry.state) {
    case 'RESERVED':
      return [`${moneyText(entry.amountMinor, entry.currency)} held`];
    case 'SETTLED':
      return [moneyText(entry.amountMinor, entry.currency), entry.pspChargeId];
    case 'VOIDING':
      return [entry.reason];
    case 'VOIDED':
      return [entry.declineCode ?? entry.reason];
    case 'LATE_SUCCESS_VOIDED':
      return [entry.pspChargeId];
  }
}

function pspRows(facts: ChargeFacts, currency: string | undefined): PspRows | undefined {
  const { psp } = facts;
  if (psp === undefined) return undefined;
  const sumMinor = standingCharges(facts).reduce((sum, { netMinor }) => sum + netMinor, 0);
  return {
    createCalls: psp.createCalls,
    standing: moneyText(sumMinor, standingCharges(facts)[0]?.currency ?? currency ?? 'usd'),
    charges: psp.charges.map((charge) => ({
      id: charge.id,
      status: charge.status,
      amount: moneyText(charge.amountMinor, charge.currency),
      isStanding: charge.netMinor > 0,
      taken: moneyText(charge.netMinor + charge.refundedMinor, charge.currency),
      refunded: charge.refundedMinor === 0 ? undefined : moneyText(charge.refundedMinor, charge.currency),
      at: charge.createdAt,
    })),
  };
}

function archiveRows({ ledger, archive }: ChargeFacts): readonly ArchiveRow[] {
  const known = new Map(archive.map((entry) => [entry.seq, entry]));
  const waiting = ledger
    .filter((entry) => !known.has(seqOf(entry)))
    .map((entry) => ({
      ...{ seq: seqOf(entry), state: entry.state },
      ...{ objectKey: undefined, sequenceNumber: undefined },
    }));
  return [...archive, ...waiting].toSorted((one, other) => one.seq - other.seq);
}
