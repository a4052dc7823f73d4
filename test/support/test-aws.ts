import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';

import { testCloud } from './test-cloud.ts';

/** What the emulators take for a region and for credentials. */
export const TEST_REGION = 'us-east-1';
export const TEST_CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local' } as const;

/** A DynamoDB client as the runtime has it: no retries of the SDK, and timeouts that throw. */
export function testDynamodb(options: { endpoint?: string; requestTimeoutMs?: number } = {}): DynamoDBClient {
  const { endpoint = testCloud().dynamodbEndpoint, requestTimeoutMs = 5_000 } = options;
  return new DynamoDBClient({
    endpoint,
    region: TEST_REGION,
    credentials: TEST_CREDENTIALS,
    maxAttempts: 1,
    requestHandler: { requestTimeout: requestTimeoutMs, throwOnRequestTimeout: true },
  });
}

export function testSqs(): SQSClient {
  return new SQSClient({
    endpoint: testCloud().sqsEndpoint,
    region: TEST_REGION,
    credentials: TEST_CREDENTIALS,
  });
}
