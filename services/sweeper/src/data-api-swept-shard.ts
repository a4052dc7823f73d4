import {
  ExecuteStatementCommand,
  type ExecuteStatementCommandOutput,
  type Field,
  type RDSDataClient,
} from '@aws-sdk/client-rds-data';

import type { ExpiredLease, ExpiredLeaseBacklog } from './expired-lease-scanner.ts';
import { markParameters } from './mark-parameters.ts';
import {
  BACKLOG,
  KEPT_AFTER_EXPIRY_MS,
  MARK_TICKETED,
  PURGE,
  SCAN,
  type StatementParameters,
  type StatementValue,
} from './shard-statements.ts';
import type { SweptShard } from './swept-shard.ts';

export interface DataApiShardLocation {
  readonly clusterArn: string;
  readonly secretArn: string;
  readonly database: string;
}

/**
 * SweptShard over the RDS Data API, which needs neither a connection nor a place in the VPC. Its statements may be
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
    return (records ?? []).map(([tenantId, idempotencyKey, waitingMs, foundAt]) => ({
      tenantId: textOf(tenantId),
      idempotencyKey: textOf(idempotencyKey),
      waitingMs: numberOf(waitingMs),
      foundAtEpochMicroseconds: numberOf(foundAt),
    }));
  }

  async backlog(limit: number): Promise<ExpiredLeaseBacklog> {
    const { records } = await this.#execute(BACKLOG, { limit });
    const [waiting, longestWaitMs] = records?.[0] ?? [];
    return { waiting: numberOf(waiting), longestWaitMs: numberOf(longestWaitMs) };
  }

  async mark(leases: readonly ExpiredLease[]): Promise<void> {
    const parameters = markParameters(leases);
    if (parameters !== undefined) await this.#execute(MARK_TICKETED, parameters);
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
        parameters: Object.entries(parameters).map(([name, value]) => ({ name, value: fieldOf(value) })),
      }),
    );
  }
}

/** A number is a whole one: microseconds since 1970 are exact as that, and a bigint to the database. */
function fieldOf(value: StatementValue): Field {
  return typeof value === 'number' ? { longValue: value } : { stringValue: value };
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
