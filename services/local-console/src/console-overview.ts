import type { ArchiveVerification } from './archive-verification.ts';
import type { AuditIndex } from './audit-index.ts';
import { chargeDetail, chargeSummary } from './charge-detail.ts';
import type { ChargeFacts, KeyRow } from './charge-facts.ts';
import type { ChargeReader, ReadIdentity } from './charge-reader.ts';
import type { Surroundings } from './charge-verdict.ts';
import type { ConsoleView } from './console-view.ts';
import type { GatewayTasks } from './gateway-tasks.ts';
import type { KeyRows } from './key-rows.ts';
import type { PspObserver } from './psp-observer.ts';
import type { SentCharges } from './sent-charges.ts';

import { chargeIdOf } from '#gateway/idempotency/charge-key';

/** Charges in the list. */
const MOST_CHARGES = 40;

export interface ConsoleOverviewOptions {
  readonly gatewayUrl: string;
  readonly rows: KeyRows;
  readonly reader: ChargeReader;
  readonly audit: AuditIndex;
  readonly sent: SentCharges;
  readonly tasks: GatewayTasks;
  readonly psp: PspObserver | undefined;
  readonly verification: ArchiveVerification;
}

interface Listed {
  readonly identity: ReadIdentity;
  readonly row: KeyRow | undefined;
  readonly at: string;
}

/** Everything on the page, read from the stores each time it is asked for. */
export class ConsoleOverview {
  readonly #options: ConsoleOverviewOptions;

  constructor(options: ConsoleOverviewOptions) {
    this.#options = options;
  }

  /** @param selectedId the charge to show in full; undefined: none */
  async view(selectedId: string | undefined): Promise<ConsoleView> {
    const { gatewayUrl, tasks, psp, audit, sent, verification } = this.#options;
    await audit.refresh();
    const listed = await this.#listed(selectedId);
    const facts = await Promise.all(listed.map((one) => this.#read(one, selectedId)));
    const statuses = tasks.statuses();
    const livePids = statuses.flatMap(({ pid }) => pid ?? []);
    const surroundingsOf = (chargeId: string): Surroundings => ({ acts: sent.actsOf(chargeId), livePids });
    const selected = facts.find(({ chargeId }) => chargeId === selectedId);
    return {
      gatewayUrl,
      tasks: statuses,
      psp: psp === undefined ? undefined : { fault: psp.fault },
      charges: facts.map((one) => chargeSummary(one, sent.find(one.chargeId), surroundingsOf(one.chargeId))),
      selected:
        selected === undefined
          ? undefined
          : chargeDetail(selected, sent.find(selected.chargeId), surroundingsOf(selected.chargeId)),
      verification: verification.latest,
    };
  }

  /** The newest rows and what was sent from here and has none; the selected one in any case. */
  async #listed(selectedId: string | undefined): Promise<readonly Listed[]> {
    const { rows, sent } = this.#options;
    const byId = new Map<string, Listed>();
    for (const row of await rows.newest(MOST_CHARGES)) {
      const chargeId = chargeIdOf(row);
      const { tenantId, idempotencyKey } = row;
      const at = sent.find(chargeId)?.sentAt ?? row.createdAt;
      byId.set(chargeId, { identity: { chargeId, tenantId, idempotencyKey, pspName: undefined }, row, at });
    }
    for (const { chargeId, tenantId, idempotencyKey, sentAt } of sent.list()) {
      const isWanted = byId.size < MOST_CHARGES || chargeId === selectedId;
      if (byId.has(chargeId) || !isWanted) continue;
      const row = await rows.find(tenantId, idempotencyKey);
      const identity = { chargeId, tenantId, idempotencyKey, pspName: undefined };
      byId.set(chargeId, { identity, row, at: sentAt });
    }
    return [...byId.values()].sort((one, other) => other.at.localeCompare(one.at));
  }

  #read({ identity, row }: Listed, selectedId: string | undefined): Promise<ChargeFacts> {
    return this.#options.reader.read(identity, row, identity.chargeId === selectedId);
  }
}
