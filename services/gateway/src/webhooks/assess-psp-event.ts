import type { LedgerEntry, ReservedEntry, SettledEntry, VoidedEntry } from '../ledger/ledger-entry.ts';
import type { PspEvent, PspEventSubject } from './psp-event.ts';
import type { WebhookFinding } from './webhook-event-log.ts';

/** What is to be done about an event, by what the ledger says of its charge. */
export interface EventAssessment {
  /** `resume`: the charge has no end yet. `watch`: something may stand at the PSP beside what the ledger decided. */
  readonly ticket?: 'resume' | 'watch';
  readonly finding?: WebhookFinding;
}

const CONSISTENT: EventAssessment = {};

/**
 * Holds an event against the ledger entries of its charge, of which there is at least one. Events come late, twice and
 * in any order, so that what our own acts explain is no contradiction: a success that we refunded since, for instance.
 */
export function assessPspEvent(
  { pspName, pspAccount }: Pick<PspEvent, 'pspName' | 'pspAccount'>,
  subject: PspEventSubject,
  entries: readonly LedgerEntry[],
): EventAssessment {
  const reserved = entries.find((entry) => entry.state === 'RESERVED');
  if (reserved !== undefined && reserved.pspName !== pspName) {
    return contradiction(`the charge is with ${reserved.pspName}, and the event came from ${pspName}`);
  }
  if (reserved !== undefined && reserved.pspAccount !== pspAccount) {
    return contradiction(
      `the charge is with the account ${reserved.pspAccount}, and the event came from ${pspAccount}`,
    );
  }
  const settled = entries.find((entry) => entry.state === 'SETTLED');
  if (settled !== undefined) return againstSettled(subject, settled);
  const voided = entries.find((entry) => entry.state === 'VOIDED');
  if (voided !== undefined) return againstVoided(subject, voided, entries);
  // Whatever it says, also of another amount: the protocol asks the PSP and decides.
  return { ticket: 'resume' };
}

function againstSettled(subject: PspEventSubject, settled: SettledEntry): EventAssessment {
  const { claim, pspChargeId } = subject;
  const isOurs = pspChargeId === settled.pspChargeId;
  switch (claim) {
    case 'approved':
      if (!isOurs) {
        return {
          ...contradiction(`${pspChargeId} was approved as well, and ${settled.pspChargeId} is settled`),
          ticket: 'watch',
        };
      }
      return approvedAsAsked(subject, settled)
        ? CONSISTENT
        : contradiction(
            `${amountOf(subject)} was taken, and ${settled.amountMinor} ${settled.currency} is settled`,
          );
    case 'failed':
      return isOurs
        ? contradiction('the PSP says that it failed, and the ledger that it settled')
        : CONSISTENT;
    case 'given_back':
      return isOurs
        ? contradiction('it was cancelled or refunded at the PSP, and the ledger says that it settled')
        : CONSISTENT;
    case 'disputed':
      return contradiction('it is disputed, and the ledger says that it settled');
    case 'refund_failed':
      // Of the settled charge itself: somebody's refund outside of us failed, and the ledger is right again.
      return isOurs ? CONSISTENT : voidDidNotHold();
    case 'moved':
      return CONSISTENT;
  }
}

function againstVoided(
  subject: PspEventSubject,
  voided: VoidedEntry,
  entries: readonly LedgerEntry[],
): EventAssessment {
  switch (subject.claim) {
    case 'approved':
      return isVoidedByUs(subject, voided, entries) ? CONSISTENT : unexplainedSuccess(subject, voided);
    case 'refund_failed':
      return voidDidNotHold();
    case 'disputed':
      return contradiction('it is disputed, and the ledger says that it was voided');
    case 'failed':
    case 'given_back':
    case 'moved':
      return CONSISTENT;
  }
}

/** The success that was to be voided, and was: its event only came late. */
function isVoidedByUs(
  { pspChargeId }: PspEventSubject,
  voided: VoidedEntry,
  entries: readonly LedgerEntry[],
): boolean {
  if (voided.reason !== 'declined' && voided.pspChargeId === pspChargeId) return true;
  return entries.some((entry) => entry.state === 'LATE_SUCCESS_VOIDED' && entry.pspChargeId === pspChargeId);
}

function unexplainedSuccess(subject: PspEventSubject, voided: VoidedEntry): EventAssessment {
  // The late success that protocol rule 11 is armed for: it is looked up and voided now.
  if (voided.reason === 'unresolved') return { ticket: 'watch' };
  const finding = contradiction(
    `${subject.pspChargeId} was approved, and the ledger says VOIDED (${voided.reason})`,
  );
  return { ...finding, ticket: 'watch' };
}

function approvedAsAsked(
  { amountMinor, currency }: PspEventSubject,
  asked: Pick<ReservedEntry, 'amountMinor' | 'currency'>,
): boolean {
  return (
    (amountMinor === undefined || amountMinor === asked.amountMinor) &&
    (currency === undefined || currency === asked.currency)
  );
}

function amountOf({ amountMinor, currency }: PspEventSubject): string {
  return `${amountMinor ?? 'an unknown amount'} ${currency ?? 'of an unknown currency'}`;
}

function voidDidNotHold(): EventAssessment {
  return {
    ...contradiction('a refund failed that the ledger counts on: the card may still be charged'),
    ticket: 'watch',
  };
}

function contradiction(detail: string): { readonly finding: WebhookFinding } {
  return { finding: { kind: 'contradicts_ledger', detail } };
}
