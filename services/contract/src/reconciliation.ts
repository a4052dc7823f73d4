/**
 * What the reconciler can find: the values of the metric's dimension `kind`, and what its reports say. Append-only,
 * because alarms and people's notes refer to them.
 */
export const FINDING_KINDS = [
  /** Money stands at the PSP for a charge that the ledger does not know as settled. */
  'charged_not_in_ledger',
  /** The ledger says SETTLED, and the PSP has no such charge, or none that was captured. */
  'settled_not_at_psp',
  /** SETTLED, and cancelled or refunded at the PSP since, in whole or in part. */
  'refunded_at_psp',
  'amount_differs',
  'currency_differs',
  /** More than one PSP charge stands for one charge. */
  'charged_twice',
  /** The ledger says VOIDED, and money stands at the PSP. */
  'voided_still_charged',
  /** A charge was accepted and has not come to an end. */
  'non_terminal_too_long',
  /** An end without its event. */
  'event_not_published',
  /** The client was told another end than the ledger says, or one that it does not know. */
  'answer_not_in_ledger',
  /** An entry of the ledger is not as any version of the product writes it. */
  'ledger_unreadable',
] as const;

export type FindingKind = (typeof FINDING_KINDS)[number];
