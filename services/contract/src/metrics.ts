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
  recoveryTicketsFailed: 'RecoveryTicketsFailed',
  consumedEvents: 'ConsumedEvents',
  consumedEventsRepeated: 'ConsumedEventsRepeated',
  consumedEventsFailed: 'ConsumedEventsFailed',
  consumedEventsUnreadable: 'ConsumedEventsUnreadable',
} as const;

export type MetricName = (typeof METRICS)[keyof typeof METRICS];
