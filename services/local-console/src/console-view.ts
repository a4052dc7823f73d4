import type { ChargeAct, EventFacts } from './charge-facts.ts';
import type { Stage } from './charge-stages.ts';
import type { Verdict } from './charge-verdict.ts';
import type { PspFault } from './psp-observer.ts';

/** What the page shows. Built anew for each request; no password, no token, no payment method of another's. */
export interface ConsoleView {
  readonly gatewayUrl: string;
  /** Without a process id while one is being started again. */
  readonly tasks: readonly { readonly name: string; readonly pid: number | undefined }[];
  /** Undefined where the PSP is not the simulator, and cannot be looked into. */
  readonly psp: { readonly fault: PspFault } | undefined;
  /** The newest first. */
  readonly charges: readonly ChargeSummary[];
  readonly selected: ChargeDetail | undefined;
  readonly verification: Verification;
}

export interface ChargeSummary {
  readonly id: string;
  readonly tenantId: string;
  readonly amount: string;
  /** What was chosen, in words; the PSP's word for it where it was not chosen here. */
  readonly title: string;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly verdict: Verdict;
  readonly stages: readonly Stage[];
}

export interface ChargeDetail extends ChargeSummary {
  readonly idempotencyKey: string;
  readonly description: string | undefined;
  readonly pspName: string | undefined;
  /** Of the key's row: who may run it, and for how long. Milliseconds. */
  readonly lease:
    | {
        readonly status: string;
        readonly run: number;
        readonly remainingMs: number;
        readonly resumeInMs: number | undefined;
      }
    | undefined;
  readonly step: string | undefined;
  /** Whether its request can be sent again from here. */
  readonly canRepeat: boolean;
  /** The task to kill; undefined where none is known to run it. */
  readonly runningTask: { readonly name: string; readonly pid: number } | undefined;
  readonly acts: readonly ActRow[];
  readonly ledger: readonly LedgerRow[];
  readonly events: readonly EventFacts[];
  readonly psp: PspRows | undefined;
  readonly archive: readonly ArchiveRow[];
}

/** Requests that were the same in everything stand in one row. */
export interface ActRow extends Omit<ChargeAct, 'number' | 'amountMinor'> {
  readonly number: number;
  readonly amount: string | undefined;
}

export interface LedgerRow {
  readonly seq: number;
  readonly state: string;
  /** RFC 3339. */
  readonly at: string;
  readonly run: number;
  readonly notes: readonly string[];
}

export interface PspRows {
  readonly createCalls: number | undefined;
  readonly standing: string;
  readonly charges: readonly {
    readonly id: string;
    readonly status: string;
    readonly amount: string;
    readonly isStanding: boolean;
    readonly taken: string;
    readonly refunded: string | undefined;
    /** RFC 3339. */
    readonly at: string;
  }[];
}

/** An entry of the ledger and the object that holds it; undefined: not archived yet. */
export interface ArchiveRow {
  readonly seq: number;
  readonly state: string;
  readonly objectKey: string | undefined;
  readonly sequenceNumber: string | undefined;
}

export type Verification =
  | { readonly kind: 'never' }
  | { readonly kind: 'running' }
  | {
      readonly kind: 'done';
      /** RFC 3339. */
      readonly at: string;
      readonly objects: number;
      readonly entries: number;
      readonly ledgerEntries: number;
      readonly onTheirWay: number;
      readonly problems: readonly string[];
    }
  | { readonly kind: 'failed'; readonly reason: string };
