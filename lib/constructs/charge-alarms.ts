import { Duration, aws_cloudwatch as cloudwatch } from 'aws-cdk-lib';
import { Construct } from 'constructs';

import { CIRCUIT_STATES, DISTRIBUTIONS, GAUGES, METRICS } from '#contract/metrics';

import { expression, productCount, productDistribution, productGauge } from './product-metrics.ts';
import { RunbookAlarm, type AlarmSurroundings } from './runbook-alarm.ts';

/** Below so many outcomes a minute a share says nothing. */
const ENOUGH_OUTCOMES = 60;
const FIVE_MINUTES = Duration.minutes(5);
/** What 99 of 100 charges may take beside the PSP: two statements, five writes and a read of the stores, and the event. */
const OVERHEAD_TARGET_MS = 250;
/** Ten sweeps. */
const OLD_BACKLOG = Duration.minutes(10);

const settled = () => productCount(METRICS.chargesSettled);
const voided = () => productCount(METRICS.chargesVoided);

/** Alarms on what becomes of charges. */
export class ChargeAlarms extends Construct {
  constructor(scope: Construct, id: string, around: AlarmSurroundings) {
    super(scope, id);
    this.#single(around);
    this.#shares(around);
    this.#recovery(around);
    this.#latency(around);
    this.#webhooks(around);
  }

  /** One is one too many. */
  #single(around: AlarmSurroundings): void {
    const once = { threshold: 1 };
    new RunbookAlarm(this, 'charge-parked', around, { metric: productCount(METRICS.chargesParked), ...once });
    new RunbookAlarm(this, 'payload-unreadable', around, {
      metric: productCount(METRICS.payloadsUnreadable),
      ...once,
    });
    new RunbookAlarm(this, 'void-failing', around, { metric: productCount(METRICS.voidsFailing), ...once });
    new RunbookAlarm(this, 'late-success-voided', around, {
      metric: productCount(METRICS.lateSuccessesVoided),
      ...once,
    });
    new RunbookAlarm(this, 'psp-circuit-open', around, {
      metric: productCount(METRICS.pspCircuitOpened),
      ...once,
    });
    new RunbookAlarm(this, 'psp-circuit-stays-open', around, {
      // Between two probes the circuit is open; an idle task, which has nothing to probe with, says `probing`.
      metric: productGauge(GAUGES.pspCircuitState),
      threshold: CIRCUIT_STATES.open,
      periods: 5,
      periodsToAlarm: 4,
    });
    new RunbookAlarm(this, 'psp-account-missing', around, {
      metric: productCount(METRICS.pspAccountsMissing),
      ...once,
    });
    new RunbookAlarm(this, 'psp-credentials-stale', around, {
      // One read that fails is repeated within a minute, and so is each after it.
      metric: productCount(METRICS.pspCredentialsStale, FIVE_MINUTES),
      threshold: 2,
      periods: 2,
    });
    new RunbookAlarm(this, 'psp-sign-ins-refused', around, {
      metric: productCount(METRICS.pspSignInsRefused),
      ...once,
    });
    new RunbookAlarm(this, 'executions-fenced', around, {
      metric: productCount(METRICS.executionsFenced, FIVE_MINUTES),
      threshold: 10,
    });
  }

  /** Percentages of the charges that came to an end in the same minute. */
  #shares(around: AlarmSurroundings): void {
    const percentage = (of: 'postponed' | 'taken', all: string, label: string) =>
      expression(
        `IF(${all} >= ${ENOUGH_OUTCOMES}, 100 * FILL(${of}, 0) / (${all}), 0)`,
        {
          [of]: productCount(of === 'postponed' ? METRICS.chargesPostponed : METRICS.takeovers),
          settled: settled(),
          voided: voided(),
        },
        label,
      );
    const ended = 'FILL(settled, 0) + FILL(voided, 0)';
    new RunbookAlarm(this, 'charges-postponed', around, {
      metric: percentage('postponed', `${ended} + FILL(postponed, 0)`, 'Postponed charges, %'),
      threshold: 5,
      periods: 5,
      periodsToAlarm: 3,
    });
    new RunbookAlarm(this, 'takeovers-frequent', around, {
      metric: percentage('taken', ended, 'Takeovers, % of the charges'),
      threshold: 1,
      periods: 15,
      periodsToAlarm: 10,
    });
  }

  #latency(around: AlarmSurroundings): void {
    const { chargeOverhead } = DISTRIBUTIONS;
    new RunbookAlarm(this, 'charge-overhead-high', around, {
      metric: expression(
        `IF(charges >= ${ENOUGH_OUTCOMES}, slow, 0)`,
        {
          charges: productDistribution(chargeOverhead, cloudwatch.Stats.SAMPLE_COUNT),
          slow: productDistribution(chargeOverhead, 'p99'),
        },
        "Latency over the PSP's, p99, ms",
      ),
      threshold: OVERHEAD_TARGET_MS,
      periods: 5,
    });
  }

  #webhooks(around: AlarmSurroundings): void {
    new RunbookAlarm(this, 'webhook-unknown-charge', around, {
      metric: productCount(METRICS.webhookUnknownCharges),
      threshold: 1,
    });
    new RunbookAlarm(this, 'webhook-contradicts-ledger', around, {
      metric: productCount(METRICS.webhookContradictions),
      threshold: 1,
    });
    new RunbookAlarm(this, 'webhooks-rejected', around, {
      // A stranger may send some; a secret that is wrong refuses all of them.
      metric: productCount(METRICS.webhooksRejected, FIVE_MINUTES),
      threshold: 20,
      periods: 3,
    });
  }

  #recovery(around: AlarmSurroundings): void {
    new RunbookAlarm(this, 'expired-leases-piling-up', around, {
      // A row that stands is counted by every sweep, so that the sum of a minute is the backlog.
      metric: productCount(METRICS.expiredLeasesFound),
      threshold: 100,
      periods: 15,
    });
    new RunbookAlarm(this, 'sweep-backlog-old', around, {
      metric: productGauge(GAUGES.oldestExpiredLeaseAge),
      threshold: OLD_BACKLOG.toSeconds(),
      periods: 3,
    });
    new RunbookAlarm(this, 'recovery-tickets-failing', around, {
      metric: productCount(METRICS.recoveryTicketsFailed, FIVE_MINUTES),
      threshold: 10,
      periods: 3,
    });
    new RunbookAlarm(this, 'events-not-published', around, {
      metric: productCount(METRICS.eventPublishFailures),
      threshold: 1,
      periods: 5,
      periodsToAlarm: 3,
    });
  }
}
