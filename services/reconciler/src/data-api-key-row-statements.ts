import {
  ExecuteStatementCommand,
  type Field,
  type RDSDataClient,
  type SqlParameter,
} from '@aws-sdk/client-rds-data';

import type { StatementParameters, StatementValue } from './key-row-statements.ts';
import type { KeyRowStatements } from './statement-key-row-shard.ts';

export interface DataApiShardLocation {
  readonly clusterArn: string;
  readonly secretArn: string;
  readonly database: string;
}

/** KeyRowStatements over the RDS Data API. The statements only read, so that the client's own retries are safe. */
export class DataApiKeyRowStatements implements KeyRowStatements {
  readonly name: string;
  readonly #client: RDSDataClient;
  readonly #location: DataApiShardLocation;

  constructor(client: RDSDataClient, location: DataApiShardLocation) {
    this.name = location.clusterArn;
    this.#client = client;
    this.#location = location;
  }

  async run(statement: string, parameters: StatementParameters): Promise<readonly Record<string, unknown>[]> {
    const { clusterArn, secretArn, database } = this.#location;
    const { records = [], columnMetadata = [] } = await this.#client.send(
      new ExecuteStatementCommand({
        resourceArn: clusterArn,
        secretArn,
        database,
        sql: statement,
        includeResultMetadata: true,
        parameters: Object.entries(parameters).map(([name, value]) => parameterOf(name, value)),
      }),
    );
    return records.map((record) =>
      Object.fromEntries(record.map((field, index) => [columnMetadata[index]?.name ?? '', valueOf(field)])),
    );
  }
}

function parameterOf(name: string, value: StatementValue): SqlParameter {
  return { name, value: typeof value === 'number' ? { longValue: value } : { stringValue: value } };
}

function valueOf(field: Field): string | number | null {
  return field.isNull === true ? null : (field.stringValue ?? field.longValue ?? null);
}
