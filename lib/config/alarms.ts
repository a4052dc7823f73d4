/**
 * Every alarm of the product, by the name that is its heading in docs/runbook.md, and what it says in a sentence. The
 * physical name is this one with the stage before it.
 */
export const ALARMS = {
  // Charges
  'payload-unreadable': 'A sealed payment method does not open: its key is retired, or the item was changed.',
  'charge-parked': 'A charge waits for a person: the PSP has forgotten its key and shows no charge.',
  'void-failing':
    'A void has failed in several rounds: a card may stay charged for a payment that was refused.',
  'late-success-voided':
    'The PSP approved a charge after it was decided to void it; it was voided there as well.',
  'no-charge-settles': 'Requests arrive and not one charge settles.',
  'charges-postponed': 'For many charges the PSP gave no outcome in time; their clients got 202.',
  'psp-circuit-open': 'A task has stopped asking the PSP, because it failed too often.',
  'psp-circuit-stays-open': 'The PSP has been given up on for minutes, not for a moment.',
  'charge-overhead-high': 'Charges take longer than the PSP explains.',
  'psp-account-missing':
    'Charges cannot be made, or wait, because tasks lack the account of the PSP that they belong to.',
  'psp-credentials-stale': "The credentials of a PSP's account cannot be read anew; the last ones are used.",
  'psp-sign-ins-refused': 'The PSP takes no version of our credentials (401): charges wait for others.',
  'requests-refused': 'Many requests are refused with 503 before anything is written.',
  'takeovers-frequent': 'Many charges are taken over from runs that did not end in time.',
  'executions-fenced': 'Runs were stopped because somebody newer had taken their charges over.',
  'webhook-unknown-charge': 'The PSP told of a charge with our marks that no store of ours knows.',
  'webhook-contradicts-ledger': 'The PSP told of a charge something else than the ledger says.',
  'webhooks-rejected': 'Webhooks arrive whose signature does not hold.',
  'charges-disagree': 'Ledger, key store and PSP do not agree about a charge.',
  // Recovery
  'expired-leases-piling-up': 'Charges that nobody works on are found faster than they are resumed.',
  'sweep-backlog-old': 'A charge that nobody works on has waited for minutes to be taken over.',
  'sweeper-not-running': 'No sweep has run: charges whose task died are not found.',
  'sweeper-failing': 'Sweeps fail for at least one shard.',
  'recovery-tickets-failing': 'Charges that were to be resumed fail again and again.',
  'recovery-tickets-old': 'Recovery tickets wait too long.',
  'reconciler-not-running': 'Nobody has held the ledger against the PSPs, or not against all of them.',
  // Events
  'events-not-published': 'Events of charges could not be published; recovery repeats them.',
  'consumers-behind': 'A consumer does not keep up with the payment events on its queue.',
  // Dead letters
  'recovery-dlq-not-empty': 'A recovery ticket was given up.',
  'undelivered-events-not-empty': 'EventBridge gave an event up: a consumer lacks it.',
  'sweeper-dlq-not-empty': 'A sweep could not even be started.',
  'reconciler-dlq-not-empty': 'A run of the reconciler could not be started, or broke.',
  'order-dlq-not-empty': 'The order consumer gave an event up.',
  'receipts-dlq-not-empty': 'The receipts consumer gave an event up.',
  'analytics-dlq-not-empty': 'The analytics consumer gave an event up.',
  'audit-archiver-failures-not-empty':
    'Ledger entries were not archived; the stream forgets them within a day.',
  // Entry and tasks
  'gateway-errors': 'The gateway answers with server errors.',
  'gateway-slow': 'The slowest of a hundred requests takes longer than the PSP explains.',
  'gateway-tasks-unhealthy': 'Tasks do not answer their health checks.',
  'gateway-task-crashed': 'A task ended by an exception that nobody caught.',
  'gateway-cpu-high': 'The tasks have no CPU left to take over the other region with.',
  'gateway-at-maximum': 'Scaling has reached the greatest number of tasks.',
  'region-unreachable': 'A region does not answer from outside.',
  // Stores
  'key-store-cpu-high': 'A database of the key store runs out of CPU.',
  'key-store-lagging': 'The copy of a shard in this region lags behind its home region.',
  'key-store-connections-pinned': 'RDS Proxy keeps connections for single clients, and runs out of them.',
  'tables-throttled': 'DynamoDB refuses requests for want of capacity.',
  'tables-lagging': 'Tables are replicated to the other region with delay.',
  // Audit
  'audit-archiver-behind': 'The archive lags behind the ledger.',
  'audit-archiver-failing': 'The archiver fails; the stream waits for it.',
} as const satisfies Record<string, string>;

export type AlarmName = keyof typeof ALARMS;

/**
 * The alarm of a dead-letter queue.
 *
 * @param queue the queue's name without the stage
 * @throws Error where the queue has no alarm yet, so that none comes without one
 */
export function deadLetterAlarm(queue: string): AlarmName {
  const name = `${queue}-not-empty`;
  if (!isAlarmName(name))
    throw new Error(`the queue ${queue} needs the alarm ${name} in lib/config/alarms.ts`);
  return name;
}

function isAlarmName(name: string): name is AlarmName {
  return Object.hasOwn(ALARMS, name);
}
