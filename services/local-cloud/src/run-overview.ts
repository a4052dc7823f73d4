import { CONSUMERS } from '#contract/events';
import { DEMO_TENANTS } from './demo-tenants.ts';
import type { Endpoints } from './endpoints-file.ts';

/** The lines that say what runs where. */
export function overviewLines(endpoints: Endpoints, sweepIntervalMs: number): string[] {
  const line = (what: string, where: string, ...names: string[]): string => {
    const pids = names.flatMap((name) => endpoints.pids[name] ?? []);
    return `  ${what.padEnd(18)} ${where} (${pids.length === 0 ? 'not embedded' : `pid ${pids.join(', ')}`})`;
  };
  return [
    ...endpoints.databaseUrls.map((url, shard) =>
      line(`PostgreSQL ${shard}`, new URL(url).host, `postgres-${shard}`),
    ),
    line('DynamoDB', endpoints.dynamodbEndpoint, 'dynamodb'),
    line('SQS', endpoints.sqsEndpoint, 'queues'),
    line('S3', endpoints.s3Endpoint, 'queues'),
    line('EventBridge', endpoints.eventBridgeEndpoint, 'event-bus'),
    line('Secrets Manager', endpoints.secretsManagerEndpoint, 'secrets-manager'),
    line('PSP', endpoints.pspUrl, 'psp-simulator'),
    ...(endpoints.tracesUrl === undefined
      ? []
      : [
          `  ${'traces'.padEnd(18)} ${endpoints.tracesUrl}/charges/ch_… of a charge, /traces/… by a log line's traceId`,
        ]),
    line('sweeper', `every ${sweepIntervalMs} ms`, 'sweeper'),
    ...CONSUMERS.map((consumer) => `consumer-${consumer}`)
      .filter((name) => name in endpoints.pids)
      .map((name) => line(name, endpoints.consumersTable ?? '', name)),
    ...(endpoints.consoleUrl === undefined ? [] : [line('console', endpoints.consoleUrl, 'console')]),
    `  ${'gateway'.padEnd(18)} ${endpoints.url} (two tasks: pid ${endpoints.gatewayPids.join(', pid ')})`,
  ];
}

/**
 * One line for people and programs, with a command at its end that works when pasted.
 *
 * @param idempotencyKey V4 UUID; pasted again, the command replays
 */
export function readyLine(url: string, idempotencyKey: string): string {
  const keys = DEMO_TENANTS.map(({ apiKey }) => apiKey);
  const command = [
    `curl -i ${url}/v1/charges`,
    `-H 'Authorization: Bearer ${keys[0] ?? ''}'`,
    `-H 'Idempotency-Key: ${idempotencyKey}'`,
    "-H 'Content-Type: application/json'",
    `-d '{"amount":1999,"currency":"usd","payment_method":"pm_card_visa"}'`,
  ].join(' ');
  return `ready ${url} with the API keys ${keys.join(' and ')}; try: ${command}`;
}
