import type { Consumer } from '#contract/events';
import type { LedgerEntry } from '#gateway/ledger/ledger-entry';

import type { CheckedHome, CheckedInvocation, CheckedWorld } from '../simulation/checks/checked-world.ts';
import type { Violation } from '../simulation/violation.ts';
import type { PspRecord } from '../support/psp-records.ts';
import type { EventReader } from './event-reader.ts';

export interface Observations {
  readonly ledger: ReadonlyMap<string, readonly LedgerEntry[]>;
  readonly psp: readonly PspRecord[];
  readonly events: Pick<EventReader, 'eventsOf'>;
  readonly invocations: readonly CheckedInvocation[];
  readonly violate: (invariant: Violation['invariant'], text: string) => void;
}

/** What real processes left in real stores, as one consumer sees it, in the form that the simulation's checker reads. */
export function observedWorld(
  consumer: Consumer,
  { ledger, psp: records, events, invocations, violate }: Observations,
): CheckedWorld {
  const home: CheckedHome = {
    stores: {
      ledger: { chargeIds: () => [...ledger.keys()], read: (chargeId) => ledger.get(chargeId) ?? [] },
    },
    forgotten: new Set<string>(),
  };
  return {
    time: { nowMs: performance.now() },
    history: { violate: (_atMs, invariant, text) => violate(invariant, text) },
    coverage: { hit: () => undefined },
    homes: [home],
    psp: {
      charges: records.map((record) => ({
        id: record.id,
        chargeId: record.metadata.charge_once_charge_id ?? '',
        amountMinor: record.netCharged,
        state: record.netCharged > 0 ? 'captured' : record.status,
      })),
    },
    invocations,
    // One region, and none of its stores forgets: no limit excuses anything.
    lostTail: false,
    homeOfCharge: () => home,
    eventsOf: (chargeId) => events.eventsOf(consumer, chargeId),
  };
}
