import type { FindingKind } from '#contract/reconciliation';
import type { RecoveryTicket } from '#contract/recovery-ticket';
import { chargeIdOf } from '#gateway/idempotency/charge-key';
import type { LedgerEntry, ReservedEntry, SettledEntry, VoidedEntry } from '#gateway/ledger/ledger-entry';
import type { PspCharge } from '#gateway/psp/payment-service-provider';

import type { ChargeEvidence, KeyRow } from './charge-evidence.ts';

/** A disagreement about one charge. */
export interface Finding {
  readonly kind: FindingKind;
  readonly chargeId: string;
  readonly tenantId: string;
  readonly idempotencyKey: string;
  /** In words; without anything secret. */
  readonly detail: string;
  /**
   * What the protocol allows to be done about it: somebody looks at the charge again. Absent: it is a person's to
   * decide. The reconciler writes no outcome itself.
   */
  readonly ticket?: RecoveryTicket['reason'];
}

export interface AssessmentBounds {
  readonly nowEpochMs: number;
  /** How long after its end the event of a charge may still be on its way. */
  readonly graceMs: number;
  /** How long a charge may be on its way to an end. */
  readonly openAtMostMs: number;
  /** How long rows and checkpoints are kept: after that their absence says nothing. */
  readonly keyRetentionMs: number;
}

type PartialFinding = Pick<Finding, 'kind' | 'detail' | 'ticket'>;

/** Recovery takes the charge over, asks the PSP and goes on from what the stores know. */
const RESUME = { ticket: 'lease-expired' } as const;
/** Recovery looks the closed charge up at the PSP and voids what stands there beside the ledger's decision. */
const WATCH = { ticket: 'late-success-watch' } as const;

/**
 * Holds against each other what the PSP, the ledger, the key store and the checkpoint say of one charge. A charge that
 * is on its way and young enough gives no finding.
 */
export function assessCharge(evidence: ChargeEvidence, bounds: AssessmentBounds): Finding[] {
  const { key, chargeId } = evidence;
  return findingsOf(evidence, bounds).map((finding) => ({ ...finding, chargeId, ...key }));
}

function findingsOf(evidence: ChargeEvidence, bounds: AssessmentBounds): PartialFinding[] {
  const { key, chargeId, ledger } = evidence;
  if (chargeIdOf(key) !== chargeId) {
    const standing = standingOf(evidence.pspCharges);
    const detail = `${named(standing)} at the PSP, marked with an id that does not belong to its tenant and key`;
    return standing.length === 0 ? [] : [{ kind: 'charged_not_in_ledger', detail }];
  }
  if (ledger.kind === 'unreadable') return [{ kind: 'ledger_unreadable', detail: ledger.problem }];
  const { entries } = ledger;
  const reserved = entries.find((entry) => entry.state === 'RESERVED');
  const settled = entries.find((entry) => entry.state === 'SETTLED');
  if (settled !== undefined) {
    return [
      ...againstSettled(evidence.pspCharges, settled, reserved),
      ...answerAgainst(evidence.row, settled),
      ...eventOf(evidence, settled, bounds),
    ];
  }
  const voided = entries.find((entry) => entry.state === 'VOIDED');
  if (voided !== undefined) {
    return [
      ...againstVoided(evidence.pspCharges, voided),
      ...answerAgainst(evidence.row, voided),
      ...eventOf(evidence, voided, bounds),
    ];
  }
  return withoutEnd(evidence, entries, bounds);
}

function againstSettled(
  pspCharges: readonly PspCharge[],
  settled: SettledEntry,
  reserved: ReservedEntry | undefined,
): PartialFinding[] {
  const own = pspCharges.find(({ pspChargeId }) => pspChargeId === settled.pspChargeId);
  const others = standingOf(pspCharges).filter((charge) => charge !== own);
  if (own?.state === 'captured') {
    const findings = amountsOf(own, settled, reserved);
    if (others.length > 0) {
      const detail = `${named(others)} at the PSP as well as ${settled.pspChargeId}, which is settled`;
      findings.push({ kind: 'charged_twice', detail, ...WATCH });
    }
    return findings;
  }
  // No ticket where another charge stands: a watch would void it, and it may be the one that was meant.
  const besides = others.length === 0 ? '' : `; ${named(others)} there`;
  if (own === undefined) {
    return [{ kind: 'settled_not_at_psp', detail: `the PSP does not have ${settled.pspChargeId}${besides}` }];
  }
  const kind = own.state === 'voided' ? 'refunded_at_psp' : 'settled_not_at_psp';
  return [{ kind, detail: `${settled.pspChargeId} is ${AT_THE_PSP[own.state]} at the PSP${besides}` }];
}

const AT_THE_PSP: Readonly<Record<PspCharge['state'], string>> = {
  captured: 'captured',
  uncaptured: 'not captured',
  pending: 'undecided',
  failed: 'declined',
  voided: 'cancelled or refunded',
};

/** What was taken, what was settled, and what was asked for: all three are the same, or a person has to look. */
function amountsOf(
  own: PspCharge,
  settled: SettledEntry,
  reserved: ReservedEntry | undefined,
): PartialFinding[] {
  const atThePsp = `${own.pspChargeId} is of ${amountOf(own)} at the PSP, and of ${amountOf(settled)} in the ledger`;
  const findings = amountFinding(own, settled, atThePsp);
  if (findings.length > 0 || reserved === undefined) return findings;
  const asked = `the ledger has reserved ${amountOf(reserved)}, and settled ${amountOf(settled)}`;
  return amountFinding(reserved, settled, asked);
}

type Amount = Pick<SettledEntry, 'amountMinor' | 'currency'>;

function amountFinding(one: Amount, other: Amount, detail: string): PartialFinding[] {
  if (one.currency !== other.currency) return [{ kind: 'currency_differs', detail }];
  return one.amountMinor === other.amountMinor ? [] : [{ kind: 'amount_differs', detail }];
}

function againstVoided(pspCharges: readonly PspCharge[], voided: VoidedEntry): PartialFinding[] {
  const standing = standingOf(pspCharges);
  if (standing.length === 0) return [];
  const detail = `${named(standing)} at the PSP, and the ledger says VOIDED (${voided.reason})`;
  return [{ kind: 'voided_still_charged', detail, ...WATCH }];
}

/** The row's answer is what the client was told. Nobody decides again: where the two differ, a person looks. */
function answerAgainst(row: KeyRow | undefined, final: SettledEntry | VoidedEntry): PartialFinding[] {
  if (row?.status !== 'TERMINAL') return [];
  const toldSettled = row.responseStatus === 201;
  if (toldSettled === (final.state === 'SETTLED')) return [];
  const detail = `the client was told ${row.responseStatus ?? 'nothing'}, and the ledger says ${final.state}`;
  return [{ kind: 'answer_not_in_ledger', detail }];
}

/**
 * The row becomes terminal, and the checkpoint EVENTS_EMITTED, only after EventBridge has taken the event: where
 * neither is, it was never published, as far as anybody knows.
 */
function eventOf(
  { row, step }: ChargeEvidence,
  final: SettledEntry | VoidedEntry,
  { nowEpochMs, graceMs, keyRetentionMs }: AssessmentBounds,
): PartialFinding[] {
  if (row?.status === 'TERMINAL' || step === 'EVENTS_EMITTED') return [];
  const ageMs = nowEpochMs - Date.parse(final.recordedAt);
  if (ageMs < graceMs || ageMs >= keyRetentionMs) return [];
  const known = row === undefined ? 'there is no row of the key' : `the row of the key is ${row.status}`;
  const detail = `${final.state} since ${final.recordedAt}; ${known}, the checkpoint ${step ?? 'absent'}`;
  return [{ kind: 'event_not_published', detail, ...RESUME }];
}

/** The ledger has no end for the charge. */
function withoutEnd(
  { pspCharges, row, step }: ChargeEvidence,
  entries: readonly LedgerEntry[],
  { nowEpochMs, openAtMostMs }: AssessmentBounds,
): PartialFinding[] {
  const standing = standingOf(pspCharges);
  const ledgerSays = entries.length === 0 ? 'nothing' : entries.map(({ state }) => state).join(', ');
  if (row?.status === 'TERMINAL') {
    const told = `the client was told ${row.responseStatus ?? 'nothing'}, and the ledger says ${ledgerSays}`;
    return standing.length === 0
      ? [{ kind: 'answer_not_in_ledger', detail: told, ...RESUME }]
      : [{ kind: 'charged_not_in_ledger', detail: `${named(standing)} at the PSP; ${told}`, ...RESUME }];
  }
  const isOpen =
    entries.length > 0 || row?.status === 'PROCESSING' || (step !== undefined && step !== 'EVENTS_EMITTED');
  if (!isOpen) {
    const detail = `${named(standing)} at the PSP, and no store knows the charge`;
    return standing.length === 0 ? [] : [{ kind: 'charged_not_in_ledger', detail }];
  }
  const since = row?.createdEpochMs ?? Math.min(...entries.map(({ recordedAt }) => Date.parse(recordedAt)));
  if (Number.isFinite(since) && nowEpochMs - since < openAtMostMs) return [];
  const findings: PartialFinding[] = [];
  if (standing.length > 1) {
    findings.push({ kind: 'charged_twice', detail: `${named(standing)} at the PSP`, ...RESUME });
  }
  const atThePsp = standing.length === 0 ? 'nothing stands' : named(standing);
  const began = Number.isFinite(since) ? `since ${new Date(since).toISOString()}` : 'for an unknown time';
  const detail = `open ${began}; the ledger says ${ledgerSays}, the checkpoint ${step ?? 'nothing'}; ${atThePsp} at the PSP`;
  return [...findings, { kind: 'non_terminal_too_long', detail, ...RESUME }];
}

/** Money is held or taken, and nothing of it was given back. */
function standingOf(pspCharges: readonly PspCharge[]): readonly PspCharge[] {
  return pspCharges.filter(({ state }) => state === 'captured' || state === 'uncaptured');
}

function named(pspCharges: readonly PspCharge[]): string {
  const ids = pspCharges.map(({ pspChargeId }) => pspChargeId).sort();
  return `${ids.join(' and ')} ${ids.length === 1 ? 'stands' : 'stand'}`;
}

function amountOf({ amountMinor, currency }: Amount): string {
  return `${amountMinor} ${currency}`;
}
