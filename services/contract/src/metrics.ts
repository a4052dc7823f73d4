/** Names of the CloudWatch metrics: what the runtime counts and what alarms and dashboards read. */
export const METRICS_NAMESPACE = 'ChargeOnce';

export const METRICS = {
  chargesSettled: 'ChargesSettled',
  chargesVoided: 'ChargesVoided',
  chargesPostponed: 'ChargesPostponed',
  chargesParked: 'ChargesParked',
  takeovers: 'Takeovers',
  executionsFenced: 'ExecutionsFenced',
  voidsFailing: 'VoidsFailing',
  lateSuccessesVoided: 'LateSuccessesVoided',
  eventsPublished: 'EventsPublished',
  eventPublishFailures: 'EventPublishFailures',
  requestsRefused: 'RequestsRefused',
  pspCircuitOpened: 'PspCircuitOpened',
  /** A request was refused, or a charge waits, because this task has no such account of the PSP. */
  pspAccountsMissing: 'PspAccountsMissing',
  /** The credentials of an account could not be read: those that were read before go on being used. */
  pspCredentialsStale: 'PspCredentialsStale',
  /** A call that the PSP refused under every version of the credentials. */
  pspSignInsRefused: 'PspSignInsRefused',
  expiredLeasesFound: 'ExpiredLeasesFound',
  /** A sealed payment method that will never open. */
  payloadsUnreadable: 'PayloadsUnreadable',
  recoveryTicketsFailed: 'RecoveryTicketsFailed',
  /** An event of the PSP was looked at, for the first time. */
  webhookEventsHandled: 'WebhookEventsHandled',
  /** A repeat, dropped. */
  webhookEventsRepeated: 'WebhookEventsRepeated',
  /** About no charge of ours, or of a type that says nothing about one. */
  webhookEventsIgnored: 'WebhookEventsIgnored',
  /** Not signed by the PSP, or too old; nothing was read of it. */
  webhooksRejected: 'WebhooksRejected',
  webhookUnknownCharges: 'WebhookUnknownCharges',
  webhookContradictions: 'WebhookContradictions',
  /** Requests for a charge, by what they were answered: with the dimension `Outcome`. */
  chargesAnswered: 'ChargesAnswered',
  /** Attempts at the PSP of which it is not known what became: with the dimension `Psp`. */
  pspUnknowns: 'PspUnknowns',
  /** Runs that came to the end of their lease before the end of their charge. */
  leasesRunOut: 'LeasesRunOut',
  /** What stores and PSPs disagree about: in all, and with the dimension `kind` of `reconciliation.ts`. */
  reconciliationFindings: 'ReconciliationFindings',
  /** Charges that a run of the reconciler has held against the ledger. */
  reconciledCharges: 'ReconciledCharges',
  /** Runs of the reconciler that could read all that they meant to. */
  reconciliationsCompleted: 'ReconciliationsCompleted',
} as const;

/** Milliseconds, of which the whole distribution is kept. */
export const DISTRIBUTIONS = {
  /** A charge that this request ran, from its first byte to its answer, without the time that its body took to come. */
  chargeLatency: 'ChargeLatency',
  /** The same without the time at the PSP: what this product adds. */
  chargeOverhead: 'ChargeOverhead',
  /** One attempt at the PSP: with the dimension `Psp`. */
  pspLatency: 'PspLatency',
} as const;

/** What is looked at every few seconds, rather than added up. */
export const GAUGES = {
  /** {@link CIRCUIT_STATES}, with the dimension `Psp`. */
  pspCircuitState: 'PspCircuitState',
  /** Of one task. */
  chargesInFlight: 'ChargesInFlight',
  /** Seconds for which the charge has waited that a sweep found to wait longest; 0 where none does. */
  oldestExpiredLeaseAge: 'OldestExpiredLeaseAge',
  /** Percent of the reconciler's window that it saw, at the PSPs and in the key store, whichever is less. */
  reconciliationCoverage: 'ReconciliationCoverage',
} as const;

/** `probing`: the next call may try, or is trying. */
export const CIRCUIT_STATES = { closed: 0, probing: 1, open: 2 } as const;

export type CircuitState = keyof typeof CIRCUIT_STATES;

/** Dimensions besides the service's, with all values that they can have: each is a metric that is paid for. */
export const METRIC_DIMENSIONS = {
  Outcome: [
    'settled',
    'declined',
    'voided',
    'pending',
    'replayed',
    'in-flight',
    'mismatch',
    'refused',
    'unknown',
  ],
  Psp: ['stripe', 'braintree', 'other'],
} as const;

type DimensionName = keyof typeof METRIC_DIMENSIONS;

/** One dimension with its value, such as `{ Outcome: 'settled' }`. */
export type MetricDimension = {
  readonly [Name in DimensionName]: Readonly<Record<Name, (typeof METRIC_DIMENSIONS)[Name][number]>>;
}[DimensionName];

/** The dimension of a PSP by its persisted name. */
export function pspDimension(pspName: string): MetricDimension {
  return { Psp: METRIC_DIMENSIONS.Psp.find((known) => known === pspName) ?? 'other' };
}

/** What a reference consumer counts, which not every stage has. */
export const CONSUMER_METRICS = {
  consumedEvents: 'ConsumedEvents',
  /** Had before, and dropped. */
  consumedEventsRepeated: 'ConsumedEventsRepeated',
  /** They come again, at most as often as the queue lets them. */
  consumedEventsFailed: 'ConsumedEventsFailed',
  /** Not of the contract: left to the dead-letter queue. */
  consumedEventsUnreadable: 'ConsumedEventsUnreadable',
} as const;

export type ConsumerMetricName = (typeof CONSUMER_METRICS)[keyof typeof CONSUMER_METRICS];

export type MetricName = (typeof METRICS)[keyof typeof METRICS] | ConsumerMetricName;

export type DistributionName = (typeof DISTRIBUTIONS)[keyof typeof DISTRIBUTIONS];

export type GaugeName = (typeof GAUGES)[keyof typeof GAUGES];
