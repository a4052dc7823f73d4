import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SQSClient } from '@aws-sdk/client-sqs';

/** SQS holds a receive open for up to 20 s; its answer must still be in time. */
const LONG_POLL_REQUEST_TIMEOUT_MS = 25_000;

export interface AwsClientsOptions {
  readonly region: string;
  /** Connections to each service. A request that finds none free waits, within its own timeout. */
  readonly maximumSockets?: number;
  readonly connectionTimeoutMs?: number;
  /** One attempt, from the first byte to the whole answer. */
  readonly requestTimeoutMs?: number;
}

/** The clients of one task. Endpoints come from the SDK's own variables (`AWS_ENDPOINT_URL_DYNAMODB` and so on). */
export interface AwsClients {
  readonly dynamodb: DynamoDBClient;
  readonly sqs: SQSClient;
  readonly eventBridge: EventBridgeClient;
  readonly secretsManager: SecretsManagerClient;
  /** Closes the idle connections. */
  destroy(): void;
}

/**
 * Builds the clients with explicit timeouts. Where our own code counts attempts (DynamoDB, EventBridge), the SDK's
 * hidden retries are off: they would lose track of answers that got lost, and outlive a lease (protocol rule 7).
 */
export function awsClients(options: AwsClientsOptions): AwsClients {
  const { region, maximumSockets = 256, connectionTimeoutMs = 500, requestTimeoutMs = 2_000 } = options;
  const agent = { keepAlive: true, maxSockets: maximumSockets };
  const requestHandler = {
    connectionTimeout: connectionTimeoutMs,
    requestTimeout: requestTimeoutMs,
    // Without it the SDK only warns, and goes on waiting.
    throwOnRequestTimeout: true,
    httpAgent: agent,
    httpsAgent: agent,
  };
  const dynamodb = new DynamoDBClient({ region, maxAttempts: 1, requestHandler });
  const eventBridge = new EventBridgeClient({ region, maxAttempts: 1, requestHandler });
  // A ticket that is sent or deleted twice does no harm, so that the SDK may repeat.
  const sqs = new SQSClient({
    region,
    requestHandler: { ...requestHandler, requestTimeout: LONG_POLL_REQUEST_TIMEOUT_MS },
    // The endpoint decides where requests go, also where the name in a queue's URL resolves nowhere.
    useQueueUrlAsEndpoint: false,
  });
  // Only read from, by those who wait for no longer than their own deadline.
  const secretsManager = new SecretsManagerClient({ region, maxAttempts: 2, requestHandler });
  return {
    ...{ dynamodb, sqs, eventBridge, secretsManager },
    destroy: () => {
      for (const client of [dynamodb, sqs, eventBridge, secretsManager]) client.destroy();
    },
  };
}
