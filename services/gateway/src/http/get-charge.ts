import type { RequestHandler } from 'express';

import type { LedgerEntry, ReservedEntry } from '../ledger/ledger-entry.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { chargeView, type ChargeView } from '../saga/charge-view.ts';
import { statusOf } from '../saga/terminal-response.ts';
import type { TenantDirectory } from '../tenants/tenant.ts';
import { authenticate } from './authenticate.ts';
import { ProblemError } from './problem.ts';
import { contextOf } from './request-context.ts';
import { sendJson } from './send-response.ts';

const CHARGE_ID = /^ch_[0-9a-f]{32}$/;

/** One step of a charge, as its tenant may see it. */
export interface TimelineEntry {
  readonly state: LedgerEntry['state'];
  /** RFC 3339. */
  readonly at: string;
  readonly reason?: string;
  readonly decline_code?: string;
}

export type ChargeWithTimeline = ChargeView & { readonly timeline: readonly TimelineEntry[] };

export interface GetChargeDependencies {
  readonly ledger: Ledger;
  readonly tenants: TenantDirectory;
}

/**
 * `GET /v1/charges/{id}`, from the ledger alone. An id that is malformed, unknown or another tenant's is the same
 * 404, so that nobody learns which charges exist.
 */
export function getCharge({ ledger, tenants }: GetChargeDependencies): RequestHandler {
  return async (req, res) => {
    const tenant = await authenticate(req, res, tenants);
    const chargeId = req.params.id;
    if (typeof chargeId !== 'string' || !CHARGE_ID.test(chargeId)) throw new ProblemError('not-found');
    contextOf(res).chargeId = chargeId;
    const entries = await ledger.read(chargeId);
    const reserved = entries.find((entry) => entry.state === 'RESERVED');
    if (reserved?.tenantId !== tenant.tenantId) throw new ProblemError('not-found');
    res.setHeader('Idempotency-Key', reserved.idempotencyKey);
    sendJson(req, res, 200, chargeWithTimeline(reserved, entries));
  };
}

function chargeWithTimeline(reserved: ReservedEntry, entries: readonly LedgerEntry[]): ChargeWithTimeline {
  const final = entries.find((entry) => entry.state === 'SETTLED' || entry.state === 'VOIDED');
  const view =
    final === undefined
      ? chargeView(reserved.chargeId, reserved, 'processing', undefined)
      : chargeView(reserved.chargeId, reserved, statusOf(final), final.pspChargeId);
  return { ...view, timeline: entries.map(timelineEntry) };
}

function timelineEntry(entry: LedgerEntry): TimelineEntry {
  const reason = 'reason' in entry ? entry.reason : undefined;
  const declineCode = entry.state === 'VOIDED' ? entry.declineCode : undefined;
  return {
    state: entry.state,
    at: entry.recordedAt,
    ...(reason === undefined ? {} : { reason }),
    ...(declineCode === undefined ? {} : { decline_code: declineCode }),
  };
}
