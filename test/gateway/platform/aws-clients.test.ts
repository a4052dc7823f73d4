import { GetItemCommand } from '@aws-sdk/client-dynamodb';
import { PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { awsClients, type AwsClients } from '#gateway/platform/aws-clients';
import { FaultyProxy } from '#test/support/faulty-proxy';
import { TEST_CREDENTIALS, TEST_REGION } from '#test/support/test-aws';
import { testCloud } from '#test/support/test-cloud';

const VARIABLES = {
  AWS_ACCESS_KEY_ID: TEST_CREDENTIALS.accessKeyId,
  AWS_SECRET_ACCESS_KEY: TEST_CREDENTIALS.secretAccessKey,
};

describe('awsClients', () => {
  let proxy: FaultyProxy;
  let clients: AwsClients;
  const before = { ...process.env };
  beforeEach(async () => {
    proxy = await FaultyProxy.before(testCloud().dynamodbEndpoint);
    Object.assign(process.env, VARIABLES, {
      AWS_ENDPOINT_URL_DYNAMODB: proxy.url,
      AWS_ENDPOINT_URL_EVENTBRIDGE: proxy.url,
    });
    clients = awsClients({ region: TEST_REGION, requestTimeoutMs: 2_000 });
  });
  afterEach(async () => {
    clients.destroy();
    await proxy.close();
    for (const name of [
      ...Object.keys(VARIABLES),
      'AWS_ENDPOINT_URL_DYNAMODB',
      'AWS_ENDPOINT_URL_EVENTBRIDGE',
    ]) {
      const value = before[name];
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
  });
  const read = () =>
    clients.dynamodb.send(new GetItemCommand({ TableName: 'no-such-table', Key: { id: { S: '1' } } }));

  it('goes to the endpoint of the SDK variables', async () => {
    await expect(read()).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
    expect(proxy.requests).toHaveLength(1);
  });

  it('ends an attempt that takes too long, and starts none of its own', async () => {
    // A first request, so that the one below has its connection and credentials: its time is the server's alone.
    await expect(read()).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
    proxy.delay(10_000);
    await expect(read()).rejects.toMatchObject({ name: 'TimeoutError' });
    expect(proxy.requests).toHaveLength(2);
  });

  it('repeats neither a DynamoDB nor an EventBridge request that was refused for now', async () => {
    proxy.answer({ status: 500, body: '{}' }, 2);
    await expect(read()).rejects.toThrow();
    const event = { Source: 'charge-once', DetailType: 'payment.completed', Detail: '{}' };
    await expect(clients.eventBridge.send(new PutEventsCommand({ Entries: [event] }))).rejects.toThrow();
    expect(proxy.requests).toHaveLength(2);
  });
});
