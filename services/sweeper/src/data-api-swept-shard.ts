import {
  ExecuteStatementCommand,
  type ExecuteStatementCommandOutput,
  type Field,
  type RDSDataClient,
} from '@aws-sdk/client-rds-data';

import type { ExpiredLease } from './expired-lease-scanner.ts';
import { KEPT_AFTER_EXPIRY_MS, PURGE, SCAN, type StatementParameters } from './shard-statements.ts';
import type { SweptShard } from './swept-shard.ts';

export interface DataApiShardLocation {
  readonly clusterArn: string;
  readonly secretArn: string;
  readonly database: string;
}

/**
 * SweptShard over the RDS Data API, which needs neither a connection nor a place in the VPC. Both statements may be
 * repeated, so that the client's own retries are safe.
 */
export class DataApiSweptShard implements SweptShard {
  readonly name: string;
  readonly #client: RDSDataClient;
  readonly #location: DataApiShardLocation;

  constructor(client: RDSDataClient, location: DataApiShardLocation) {
    this.name = location.clusterArn;
    this.#client = client;
    this.#location = location;
  }

  async scan(limit: number): Promise<readonly ExpiredLease[]> {
    const { records } = await this.#execute(SCAN, { limit });
    return (records ?? []).map(([tenantId, idempotencyKey, waitingMs]) => ({
      tenantId: textOf(tenantId),
      idempotencyKey: textOf(idempotencyKey),
      waitingMs: numberOf(waitingMs),
    }));
  }

  async purge(limit: number): Promise<number> {
    const { numberOfRecordsUpdated } = await this.#execute(PURGE, { limit, kept_ms: KEPT_AFTER_EXPIRY_MS });
    return numberOfRecordsUpdated ?? 0;
  }

  #execute(sql: string, parameters: StatementParameters): Promise<ExecuteStatementCommandOutput> {
    const { clusterArn, secretArn, database } = this.#location;
    return this.#client.send(
      new ExecuteStatementCommand({
        resourceArn: clusterArn,
        secretArn,
        database,
        sql,
        parameters: Object.entries(parameters).map(([name, longValue]) => ({ name, value: { longValue } })),
      }),
    );
  }
}

function numberOf(field: Field | undefined): number {
  if (field?.doubleValue === undefined)
    throw new TypeError('the RDS Data API gave a field that is no number');
  return field.doubleValue;
}

function textOf(field: Field | undefined): string {
  if (field?.stringValue === undefined) throw new TypeError('the RDS Data API gave a field that is not text');
  return field.stringValue;
}
