import { PROBLEMS, problemType } from '#contract/problem-types';
import { DEFAULT_PSP_ACCOUNT } from '#contract/psp-accounts';
import { z } from 'zod';

import {
  VOID_REASONS,
  type ReservedEntry,
  type SettledEntry,
  type VoidedEntry,
  type VoidReason,
} from '../ledger/ledger-entry.ts';
import type { AcceptedCharge } from './accepted-charge.ts';
import { chargeView } from './charge-view.ts';

/** The answer to a charge that has ended; the same bytes on every replay. */
export interface TerminalResponse {
  readonly status: 201 | 402;
  /** The body as sent. */
  readonly body: string;
}

/** The entries that a charge's answer and its event are made of. */
export interface TerminalEntries {
  readonly reserved: ReservedEntry;
  readonly final: SettledEntry | VoidedEntry;
}

/**
 * The terminal answer, as a pure function of the charge's ledger entries: whoever renders it, on whichever task and
 * however late, renders the same bytes.
 */
export function terminalResponseOf({ reserved, final }: TerminalEntries): TerminalResponse {
  const view = chargeView(reserved.chargeId, reserved, statusOf(final), final.pspChargeId);
  if (final.state === 'SETTLED') return { status: 201, body: JSON.stringify(view) };
  const slug = final.reason === 'declined' ? 'declined' : 'voided';
  return {
    status: 402,
    body: JSON.stringify({
      type: problemType(slug),
      title: PROBLEMS[slug].title,
      status: 402,
      detail: PROBLEMS[slug].meaning,
      status_detail: slug,
      ...(final.reason === 'declined'
        ? { decline_code: final.declineCode ?? 'generic_decline' }
        : { void_reason: final.reason }),
      charge: view,
    }),
  };
}

export function statusOf(final: SettledEntry | VoidedEntry): 'settled' | 'declined' | 'voided' {
  if (final.state === 'SETTLED') return 'settled';
  return final.reason === 'declined' ? 'declined' : 'voided';
}

/** Whether an answer of 402 tells of a decline, rather than of a charge that was voided. */
export function isDecline({ body }: TerminalResponse): boolean {
  return textAt(JSON.parse(body) as unknown, 'status_detail') === 'declined';
}

/** What a terminal answer says of the decision: the inverse of {@link terminalResponseOf}. */
export type TerminalDecision =
  | { readonly state: 'SETTLED'; readonly pspChargeId: string }
  | {
      readonly state: 'VOIDED';
      readonly reason: VoidReason | 'declined';
      readonly declineCode: string | undefined;
      readonly pspChargeId: string | undefined;
    };

/**
 * Reads the decision back from an answer, for a ledger that a failover left behind its cache (protocol rule 22).
 *
 * @throws TypeError when the body is not one that {@link terminalResponseOf} rendered
 */
export function decisionOf(response: TerminalResponse): TerminalDecision {
  const body: unknown = JSON.parse(response.body);
  if (response.status === 201) {
    const pspChargeId = textAt(body, 'psp', 'charge');
    if (pspChargeId === undefined) throw new TypeError('a settled answer names no PSP charge');
    return { state: 'SETTLED', pspChargeId };
  }
  const reason = textAt(body, 'status_detail') === 'declined' ? 'declined' : textAt(body, 'void_reason');
  if (reason === undefined || !isVoidedReason(reason)) throw new TypeError('a voided answer gives no reason');
  return {
    state: 'VOIDED',
    reason,
    declineCode: textAt(body, 'decline_code'),
    pspChargeId: textAt(body, 'charge', 'psp', 'charge'),
  };
}

/**
 * The charge that an answer shows, without its token: all that a RESERVED entry needs besides key and fingerprint.
 *
 * @throws ZodError when the body is not one that {@link terminalResponseOf} rendered
 */
export function chargeIn(response: TerminalResponse): AcceptedCharge {
  const body: unknown = JSON.parse(response.body);
  const view = response.status === 201 ? chargeViewShape.parse(body) : voidedShape.parse(body).charge;
  return {
    amountMinor: view.amount,
    currency: view.currency,
    description: view.description ?? undefined,
    reference: view.reference ?? undefined,
    metadata: view.metadata,
    pspName: view.psp.name,
    pspAccount: view.psp.account ?? DEFAULT_PSP_ACCOUNT,
    createdAt: view.created,
    paymentMethod: undefined,
  };
}

const chargeViewShape = z.object({
  amount: z.int().positive(),
  currency: z.string(),
  description: z.string().nullable(),
  reference: z.string().nullable(),
  metadata: z.record(z.string(), z.string()),
  psp: z.object({ name: z.string(), account: z.string().optional() }),
  created: z.string(),
});
const voidedShape = z.object({ charge: chargeViewShape });

function isVoidedReason(text: string): text is VoidReason | 'declined' {
  return text === 'declined' || VOID_REASONS.some((reason) => reason === text);
}

function textAt(value: unknown, ...path: readonly string[]): string | undefined {
  let current = value;
  for (const name of path) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = (current as Record<string, unknown>)[name];
  }
  return typeof current === 'string' ? current : undefined;
}
