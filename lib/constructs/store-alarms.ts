import { Construct } from 'constructs';

import { expression, greatest } from './product-metrics.ts';
import { RunbookAlarm, type AlarmSurroundings } from './runbook-alarm.ts';
import type { StoreMetrics } from './store-metrics.ts';

export interface StoreAlarmsProps extends AlarmSurroundings {
  readonly metrics: StoreMetrics;
}

/** A shard's writer must take the other shards' load as well when its region is left alone. */
const HIGH_CPU_PERCENT = 70;
/** About a second is normal, for the tables and for the key store. */
const LAG_MS = 5_000;

/** Alarms on the key store and the tables. */
export class StoreAlarms extends Construct {
  constructor(scope: Construct, id: string, props: StoreAlarmsProps) {
    super(scope, id);
    const { metrics } = props;
    new RunbookAlarm(this, 'key-store-cpu-high', props, {
      metric: greatest(metrics.databaseCpuPercent(), 'CPU of the busiest shard, %'),
      threshold: HIGH_CPU_PERCENT,
      periods: 10,
    });
    new RunbookAlarm(this, 'key-store-lagging', props, {
      metric: greatest(metrics.recoveryPointLagMs(), 'Lag of a shard behind its home, ms'),
      threshold: LAG_MS,
      periods: 5,
    });
    new RunbookAlarm(this, 'key-store-connections-pinned', props, {
      metric: greatest(metrics.pinnedConnections(), 'Pinned connections of a proxy'),
      threshold: 10,
      periods: 5,
    });
    const throttled = Object.fromEntries(
      metrics.throttledRequests().map((metric, index) => [`m${index}`, metric] as const),
    );
    new RunbookAlarm(this, 'tables-throttled', props, {
      metric: expression(`SUM([${Object.keys(throttled).join(', ')}])`, throttled, 'Throttled requests'),
      threshold: 10,
      periods: 5,
      periodsToAlarm: 3,
    });
    new RunbookAlarm(this, 'tables-lagging', props, {
      metric: greatest(metrics.replicationLatencyMs(), 'Replication to the other region, ms'),
      threshold: LAG_MS,
      periods: 5,
    });
  }
}
