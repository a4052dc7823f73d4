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
} as const;

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
