import { Duration, aws_cloudwatch as cloudwatch } from 'aws-cdk-lib';

import type { PhysicalNames } from '../config/physical-names.ts';
import { homeRegionIndex } from '../config/shards.ts';
import type { StageValues } from '../config/stage-values.ts';

const PERIOD = Duration.minutes(1);
const TABLES = ['checkpoints', 'ledger', 'tenants', 'webhook-events', 'shard-map'] as const;
/** The tables that a failover reads. */
const REPLICATED_TABLES = ['checkpoints', 'ledger'] as const;

/** Metrics of the stores, by the names that the stacks give them. */
export class StoreMetrics {
  readonly #names: PhysicalNames;
  readonly #region: string;
  readonly #otherRegion: string;
  readonly #shards: readonly number[];
  readonly #followedShards: readonly number[];

  constructor(names: PhysicalNames, values: StageValues, regionIndex: 0 | 1) {
    this.#names = names;
    this.#region = values.regions[regionIndex].region;
    this.#otherRegion = values.regions[regionIndex === 0 ? 1 : 0].region;
    this.#shards = Array.from({ length: values.shardCount }, (_, shard) => shard);
    this.#followedShards = this.#shards.filter((shard) => homeRegionIndex(shard) !== regionIndex);
  }

  /** Of the busiest instance of each shard, homed here or following. */
  databaseCpuPercent(): cloudwatch.Metric[] {
    return this.#shards.map((shard) => this.#cluster(shard, 'CPUUtilization', cloudwatch.Stats.MAXIMUM));
  }

  /** What would be lost if the home region of a shard were lost now. Only clusters that follow have it. */
  recoveryPointLagMs(): cloudwatch.Metric[] {
    return this.#followedShards.map((shard) =>
      this.#cluster(shard, 'AuroraGlobalDBRPOLag', cloudwatch.Stats.MAXIMUM),
    );
  }

  pinnedConnections(): cloudwatch.Metric[] {
    return this.#shards.map((shard) =>
      metricOf('AWS/RDS', 'DatabaseConnectionsCurrentlySessionPinned', {
        dimensionsMap: { ProxyName: this.#names.proxy(shard) },
        statistic: cloudwatch.Stats.MAXIMUM,
        label: `shard ${shard}`,
      }),
    );
  }

  /** Requests that a table refused, reads and writes of each table. */
  throttledRequests(): cloudwatch.Metric[] {
    return TABLES.flatMap((table) =>
      ['ReadThrottleEvents', 'WriteThrottleEvents'].map((metricName) =>
        metricOf('AWS/DynamoDB', metricName, {
          dimensionsMap: { TableName: this.#names.table(table) },
          statistic: cloudwatch.Stats.SUM,
          label: `${table} ${metricName}`,
        }),
      ),
    );
  }

  /** From this region to the other one. */
  replicationLatencyMs(): cloudwatch.Metric[] {
    return REPLICATED_TABLES.map((table) =>
      metricOf('AWS/DynamoDB', 'ReplicationLatency', {
        dimensionsMap: { TableName: this.#names.table(table), ReceivingRegion: this.#otherRegion },
        statistic: cloudwatch.Stats.AVERAGE,
        label: table,
      }),
    );
  }

  #cluster(shard: number, metricName: string, statistic: string): cloudwatch.Metric {
    return metricOf('AWS/RDS', metricName, {
      dimensionsMap: { DBClusterIdentifier: this.#names.cluster(shard, this.#region) },
      statistic,
      label: `shard ${shard}`,
    });
  }
}

function metricOf(
  namespace: string,
  metricName: string,
  options: Required<Pick<cloudwatch.MetricOptions, 'dimensionsMap' | 'statistic' | 'label'>>,
): cloudwatch.Metric {
  return new cloudwatch.Metric({ namespace, metricName, period: PERIOD, ...options });
}
