import tls from 'node:tls';

import { ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { selfSignedCertificate } from '#gateway/http/self-signed-certificate';
import { awsClients } from '#gateway/platform/aws-clients';
import { createStripeClient } from '#gateway/psp/stripe-client';
import { ServerBehindTls } from '#test/support/server-behind-tls';
import { TEST_CREDENTIALS, TEST_REGION } from '#test/support/test-aws';
import { testCloud } from '#test/support/test-cloud';

const identity = selfSignedCertificate({ name: 'localhost', nowEpochMs: Date.now() });
const UNKNOWN_AUTHORITY = 'self-signed certificate';
const WRONG_NAME = "does not match certificate's altnames";

/** What an error says, and what caused it: a client wraps Node's own, in its text or as a cause. */
function textOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  const { message, cause, detail } = error as { message?: string; cause?: unknown; detail?: unknown };
  return [message, textOf(cause), textOf(detail)].join(' ');
}

async function answerTo(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    return textOf(error);
  }
  return 'answered';
}

describe('what the gateway calls over TLS', () => {
  let dynamodb: ServerBehindTls;
  let stripe: ServerBehindTls;
  const variables = { ...process.env };
  const trusted = tls.getCACertificates('default');

  beforeAll(async () => {
    dynamodb = await ServerBehindTls.start(testCloud().dynamodbEndpoint, identity);
    stripe = await ServerBehindTls.start(testCloud().pspSimulatorUrl, identity);
    process.env.AWS_ACCESS_KEY_ID = TEST_CREDENTIALS.accessKeyId;
    process.env.AWS_SECRET_ACCESS_KEY = TEST_CREDENTIALS.secretAccessKey;
  });
  afterAll(async () => {
    process.env = variables;
    tls.setDefaultCACertificates(trusted);
    await dynamodb.close();
    await stripe.close();
  });

  async function readFromDynamodb(hostname?: string): Promise<unknown> {
    process.env.AWS_ENDPOINT_URL_DYNAMODB = dynamodb.url(hostname);
    const clients = awsClients({ region: TEST_REGION, connectionTimeoutMs: 5_000, requestTimeoutMs: 5_000 });
    try {
      return await clients.dynamodb.send(new ListTablesCommand({ Limit: 1 }));
    } finally {
      clients.destroy();
    }
  }

  async function askStripe(hostname?: string): Promise<unknown> {
    return createStripeClient('sk_test_local', stripe.url(hostname)).paymentIntents.list({ limit: 1 });
  }

  const CALLS = [
    ['DynamoDB', readFromDynamodb],
    ['Stripe', askStripe],
  ] as const;

  it.each(CALLS)('is not %s behind a certificate of an unknown authority', async (_, call) => {
    tls.setDefaultCACertificates(trusted);
    expect(await answerTo(call())).toContain(UNKNOWN_AUTHORITY);
  });

  it.each(CALLS)('is not %s behind a certificate for another name', async (_, call) => {
    tls.setDefaultCACertificates([...trusted, identity.cert]);
    expect(await answerTo(call('127.0.0.1'))).toContain(WRONG_NAME);
  });

  it.each(CALLS)('is %s behind a certificate that is trusted and names it', async (_, call) => {
    tls.setDefaultCACertificates([...trusted, identity.cert]);
    expect(await answerTo(call())).toBe('answered');
  });
});
