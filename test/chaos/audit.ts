import { CONSUMERS } from '#contract/events';
import type { LedgerEntry } from '#gateway/ledger/ledger-entry';

import { checkHistory } from '../simulation/checks/check-history.ts';
import type { Violation } from '../simulation/violation.ts';
import { contradictions, type ClientAnswer } from '../support/charge-audit.ts';
import type { PspRecord } from '../support/psp-records.ts';
import type { Invocation } from './charge-traffic.ts';
import type { EventReader } from './event-reader.ts';
import { observedWorld } from './observed-world.ts';

/** A row of the key store, as the audit reads it. */
export interface KeyRow {
  readonly tenantId: string;
  readonly idempotencyKey: string;
  readonly status: string;
  readonly responseBody: string | null;
}

export interface Evidence {
  readonly ledger: ReadonlyMap<string, readonly LedgerEntry[]>;
  readonly psp: readonly PspRecord[];
  readonly events: Pick<EventReader, 'eventsOf'>;
  readonly invocations: readonly Invocation[];
  readonly rows: readonly KeyRow[];
}

/**
 * Holds what real processes left behind against the invariants: by the simulation's own checker, once for each
 * consumer's queue, and by the audit of ledger, PSP and answers that the tests of the local run use. A finding that
 * both make, or that every consumer makes, is listed once.
 */
export function audit(evidence: Evidence): readonly Violation[] {
  const found = new Map<string, Violation>();
  const violate = (invariant: Violation['invariant'], text: string): void => {
    found.set(`${invariant} ${text}`, { invariant, text });
  };
  const { ledger, psp, invocations, rows } = evidence;
  const open = rows
    .filter(({ status }) => status === 'PROCESSING')
    .map(({ tenantId, idempotencyKey }) => `${tenantId}/${idempotencyKey}`);
  for (const consumer of CONSUMERS) {
    checkHistory(observedWorld(consumer, { ...evidence, violate }), { open, isParked: () => false });
  }
  for (const text of contradictions(finalAnswers(invocations), ledger, psp)) violate('I1', text);
  checkRows(rows, invocations, violate);
  return [...found.values()];
}

function finalAnswers(invocations: readonly Invocation[]): ClientAnswer[] {
  return invocations.flatMap(({ key, answer }) =>
    answer?.kind === 'terminal'
      ? [
          {
            ...{ tenantId: key.tenantId, key: key.idempotencyKey },
            ...{ status: answer.response.status, text: answer.response.body },
          },
        ]
      : [],
  );
}

/** The answer that the key store keeps is the one that clients got (I2). */
function checkRows(
  rows: readonly KeyRow[],
  invocations: readonly Invocation[],
  violate: (invariant: Violation['invariant'], text: string) => void,
): void {
  const answers = new Map<string, string>();
  for (const { key, answer } of invocations) {
    if (answer?.kind === 'terminal')
      answers.set(`${key.tenantId}/${key.idempotencyKey}`, answer.response.body);
  }
  for (const { tenantId, idempotencyKey, status, responseBody } of rows) {
    const name = `${tenantId}/${idempotencyKey}`;
    const told = answers.get(name);
    if (told === undefined) continue;
    if (status !== 'TERMINAL')
      violate('I3', `${name}: a client has its final answer, and the row is ${status}`);
    else if (responseBody !== told) violate('I2', `${name}: the row keeps another answer than a client got`);
  }
}
