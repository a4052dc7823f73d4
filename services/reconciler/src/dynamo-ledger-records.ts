import { DynamoLedger } from '#gateway/ledger/dynamo-ledger';
import type { Ledger } from '#gateway/ledger/ledger';
import { MalformedItemError } from '#gateway/platform/dynamo-item-reader';
import type { DynamoRequests } from '#gateway/platform/dynamo-requests';

import type { LedgerRecord } from './charge-evidence.ts';
import type { LedgerRecords } from './reconciliation-ports.ts';

/** LedgerRecords in a DynamoDB table, by one consistent query a charge. */
export class DynamoLedgerRecords implements LedgerRecords {
  readonly #ledger: Pick<Ledger, 'read'>;

  constructor(requests: DynamoRequests, tableName: string) {
    this.#ledger = new DynamoLedger(requests, tableName);
  }

  async read(chargeId: string): Promise<LedgerRecord> {
    try {
      return { kind: 'entries', entries: await this.#ledger.read(chargeId) };
    } catch (error) {
      if (!(error instanceof MalformedItemError)) throw error;
      return { kind: 'unreadable', problem: error.message };
    }
  }
}
