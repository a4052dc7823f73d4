import { aws_dynamodb as dynamodb, type aws_kms as kms } from 'aws-cdk-lib';
import type { Construct } from 'constructs';

import { EncryptedLogGroup } from '../constructs/encrypted-log-group.ts';
import { PaymentTables } from '../constructs/payment-tables.ts';
import { ReplicaStreamArn } from '../constructs/replica-stream-arn.ts';
import type { KeysStack } from './keys-stack.ts';
import { RegionalStack, type RegionalStackProps } from './regional-stack.ts';

export interface DataStackProps extends RegionalStackProps {
  readonly keys: KeysStack;
}

export interface Tables {
  readonly checkpoints: dynamodb.ITableV2;
  readonly ledger: dynamodb.ITableV2;
  readonly tenants: dynamodb.ITableV2;
  readonly webhookEvents: dynamodb.ITableV2;
  readonly shardMap: dynamodb.ITableV2;
}

/**
 * The tables as this region sees them. In the first region the stack makes them, with their replicas; in the second
 * it refers to the replicas by name, and looks up what has no name.
 */
export class DataStack extends RegionalStack {
  readonly tables: Tables;
  /** Seals payloads; the same key material in both regions. */
  readonly tokenKey: kms.IKey;
  /** Of this region's replica of the ledger. */
  readonly ledgerStreamArn: string;

  constructor(scope: Construct, id: string, { keys, ...props }: DataStackProps) {
    super(scope, id, { description: 'Tables that both regions share', ...props });
    this.tokenKey = keys.tokenKey.key;
    const { tables, ledgerStreamArn } = this.isFirstRegion ? this.#make(keys) : this.#refer(keys);
    this.tables = tables;
    this.ledgerStreamArn = ledgerStreamArn;
  }

  #make(keys: KeysStack): TablesAndStream {
    const { values, names } = this;
    const tables = new PaymentTables(this, 'Tables', {
      values,
      names,
      tableKey: keys.tableKey,
      replicaRegion: this.otherRegion.region,
    });
    const ledgerStreamArn = tables.ledger.tableStreamArn;
    if (ledgerStreamArn === undefined) throw new Error('the ledger has a stream');
    return { tables, ledgerStreamArn };
  }

  #refer(keys: KeysStack): TablesAndStream {
    const { names, values } = this;
    const encryptionKey = keys.tableKey.key;
    const refer = (id: string, tableName: string, tableStreamArn?: string): dynamodb.ITableV2 =>
      dynamodb.TableV2.fromTableAttributes(this, id, {
        tableName,
        encryptionKey,
        ...(tableStreamArn === undefined ? {} : { tableStreamArn }),
      });
    const ledger = refer('LedgerReplica', names.table('ledger'));
    const logGroup = new EncryptedLogGroup(this, 'LookupLogGroup', {
      logGroupName: names.logGroup('data-lookups'),
      encryptionKey: keys.logKey,
      values,
    });
    const { streamArn } = new ReplicaStreamArn(this, 'LedgerStreamArn', { table: ledger, logGroup });
    return {
      tables: {
        checkpoints: refer('Checkpoints', names.table('checkpoints')),
        ledger: refer('Ledger', names.table('ledger'), streamArn),
        tenants: refer('Tenants', names.table('tenants')),
        webhookEvents: refer('WebhookEvents', names.table('webhook-events')),
        shardMap: refer('ShardMap', names.table('shard-map')),
      },
      ledgerStreamArn: streamArn,
    };
  }
}

interface TablesAndStream {
  readonly tables: Tables;
  readonly ledgerStreamArn: string;
}
