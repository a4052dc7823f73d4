import type { LocalCloud } from '#local-cloud/local-cloud';

import type { DisturbingProxyOptions } from './disturbing-proxy.ts';
import type { ChaosTiming } from './timing.ts';

export const DISTURBED_SERVERS = ['dynamodb', 'psp', 'eventbridge', 'sqs'] as const;
/** A server that the product reaches through a proxy. */
export type DisturbedServer = (typeof DISTURBED_SERVERS)[number];

type ServerOptions = Omit<DisturbingProxyOptions, 'random' | 'onInterference'> & { name: DisturbedServer };

/** The servers behind proxies, each with its own way to say that something is wrong. */
export function disturbedServers(cloud: LocalCloud, { leaseMs }: ChaosTiming): readonly ServerOptions[] {
  const heldBackMs = { atLeast: 2_500, atMost: leaseMs + 1_000 };
  const lateAtMostMs = 1_200;
  return [
    {
      ...{ name: 'dynamodb', target: cloud.dynamodbEndpoint, heldBackMs, lateAtMostMs },
      errorAnswer: awsError(500, 'com.amazonaws.dynamodb.v20120810#InternalServerError'),
      throttledAnswer: awsError(
        400,
        'com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException',
      ),
    },
    {
      ...{ name: 'psp', target: cloud.pspUrl, lateAtMostMs },
      // A create must reach the PSP well before its absence there counts.
      heldBackMs: { atLeast: 2_100, atMost: 4_500 },
      // What stands before Stripe's API, not the API itself: it says nothing of the charge.
      errorAnswer: { status: 502, contentType: 'text/html', body: '<h1>502 Bad Gateway</h1>' },
      throttledAnswer: {
        status: 429,
        contentType: 'application/json',
        body: '{"error":{"type":"invalid_request_error","code":"rate_limit","message":"Too many requests."}}',
      },
    },
    {
      ...{ name: 'eventbridge', target: cloud.eventBridgeEndpoint, heldBackMs, lateAtMostMs },
      errorAnswer: awsError(500, 'InternalException'),
      throttledAnswer: awsError(400, 'ThrottlingException'),
    },
    {
      ...{ name: 'sqs', target: cloud.sqsEndpoint, heldBackMs, lateAtMostMs },
      errorAnswer: awsError(500, 'com.amazonaws.sqs#InternalFailure'),
      throttledAnswer: awsError(400, 'com.amazonaws.sqs#RequestThrottled'),
    },
  ];
}

function awsError(status: number, type: string): DisturbingProxyOptions['errorAnswer'] {
  const body = JSON.stringify({ __type: type, message: 'said by the chaos campaign' });
  return { status, contentType: 'application/x-amz-json-1.0', body };
}
