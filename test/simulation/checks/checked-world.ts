import type { PaymentEventDetail } from '#contract/events';
import type { ChargeKey } from '#gateway/idempotency/charge-key';
import type { GateAnswer } from '#gateway/idempotency/charge-gate';
import type { LedgerEntry } from '#gateway/ledger/ledger-entry';

import type { Violation } from '../violation.ts';

/** What a client was answered, as far as the checker looks at it. */
export type CheckedAnswer =
  | { readonly kind: Exclude<GateAnswer['kind'], 'terminal'> }
  | { readonly kind: 'terminal'; readonly response: { readonly status: number; readonly body: string } };

/** One request of a client. */
export interface CheckedInvocation {
  readonly key: ChargeKey;
  readonly chargeId: string;
  /** Which body it sent. */
  readonly payload: number;
  readonly sentAtMs: number;
  /** Undefined while, or because, no answer came. */
  readonly answeredAtMs: number | undefined;
  readonly answer: CheckedAnswer | undefined;
}

export interface CheckedHome {
  readonly stores: {
    readonly ledger: { chargeIds(): readonly string[]; read(chargeId: string): readonly LedgerEntry[] };
  };
  /** Charges of which a lost region left no trace. */
  readonly forgotten: { has(chargeId: string): boolean };
}

/** A world at rest, simulated or of real processes: what the checker holds against the invariants. */
export interface CheckedWorld {
  readonly time: { readonly nowMs: number };
  readonly history: { violate(atMs: number, invariant: Violation['invariant'], text: string): void };
  readonly coverage: { hit(path: string): void };
  readonly homes: readonly CheckedHome[];
  readonly psp: {
    readonly charges: readonly {
      readonly id: string;
      readonly chargeId: string;
      readonly amountMinor: number;
      readonly state: string;
      /** On the clock of the invocations; left out where it is not known. */
      readonly createdAtMs?: number;
    }[];
  };
  readonly invocations: readonly CheckedInvocation[];
  /** A region was lost with what was not replicated yet. */
  readonly lostTail: boolean;
  homeOfCharge(chargeId: string): CheckedHome;
  eventsOf(chargeId: string): readonly Pick<PaymentEventDetail, 'event_id' | 'status'>[];
}
