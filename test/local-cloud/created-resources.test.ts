import { DescribeTableCommand, DescribeTimeToLiveCommand } from '@aws-sdk/client-dynamodb';
import { HeadBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { GetQueueAttributesCommand, GetQueueUrlCommand } from '@aws-sdk/client-sqs';
import { describe, expect, it } from '@jest/globals';
import { TEST_CREDENTIALS, TEST_REGION, testDynamodb, testSqs } from '#test/support/test-aws';
import { testCloud } from '#test/support/test-cloud';

const { resources } = testCloud();

describe('the local cloud', () => {
  it.each(resources.tables)('has the table $name as the templates declare it', async (table) => {
    const dynamodb = testDynamodb();
    const TableName = table.name;
    const { Table: found } = await dynamodb.send(new DescribeTableCommand({ TableName }));
    const { TimeToLiveDescription: ttl } = await dynamodb.send(new DescribeTimeToLiveCommand({ TableName }));
    dynamodb.destroy();
    const keys = [table.partitionKey, ...(table.sortKey === undefined ? [] : [table.sortKey])];
    expect(found?.KeySchema?.map(({ AttributeName }) => AttributeName)).toEqual(keys.map(({ name }) => name));
    for (const { name, type } of keys) {
      expect(found?.AttributeDefinitions).toContainEqual({ AttributeName: name, AttributeType: type });
    }
    expect(found?.StreamSpecification?.StreamViewType).toBe(table.streamViewType);
    expect(ttl?.AttributeName).toBe(table.timeToLiveAttribute);
  });

  it.each(resources.queues)('has the queue $name as the templates declare it', async (queue) => {
    const sqs = testSqs();
    const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: queue.name }));
    const { Attributes: found } = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }),
    );
    sqs.destroy();
    expect(found?.VisibilityTimeout).toBe(String(queue.visibilityTimeoutSeconds));
    expect(found?.MessageRetentionPeriod).toBe(String(queue.retentionSeconds));
    const redrive = JSON.parse(found?.RedrivePolicy ?? 'null') as Record<string, unknown> | null;
    expect(redrive).toEqual(
      queue.redrive === undefined
        ? null
        : {
            deadLetterTargetArn: `arn:aws:sqs:${TEST_REGION}:000000000000:${queue.redrive.deadLetterQueueName}`,
            maxReceiveCount: queue.redrive.maxReceiveCount,
          },
    );
  });

  it('has the bucket of the archive', async () => {
    const s3 = new S3Client({
      // The queues' emulator serves S3 as well.
      endpoint: testCloud().sqsEndpoint,
      region: TEST_REGION,
      credentials: TEST_CREDENTIALS,
      forcePathStyle: true,
    });
    const answer = await s3.send(new HeadBucketCommand({ Bucket: resources.names.auditBucket }));
    s3.destroy();
    expect(answer.$metadata.httpStatusCode).toBe(200);
  });
});
