import type { _Record } from '@aws-sdk/client-dynamodb-streams';

interface FailureSurroundings {
  readonly shardId: string;
  readonly streamArn: string;
  readonly nowEpochMs: number;
}

/**
 * What the event source mapping sends to its on-failure queue: where in the stream the record is, never the record
 * (AWS Lambda developer guide, "Adding an on-failure destination", DynamoDB).
 */
export function failureMessage(
  record: _Record,
  { shardId, streamArn, nowEpochMs }: FailureSurroundings,
): object {
  const sequenceNumber = record.dynamodb?.SequenceNumber;
  // Seconds, as it was delivered.
  const arrivedAt = new Date(Number(record.dynamodb?.ApproximateCreationDateTime ?? 0) * 1_000).toISOString();
  return {
    requestContext: { functionArn: 'local', condition: 'RetryAttemptsExhausted', approximateInvokeCount: 1 },
    responseContext: { statusCode: 200, executedVersion: '$LATEST' },
    version: '1.0',
    timestamp: new Date(nowEpochMs).toISOString(),
    DDBStreamBatchInfo: {
      ...{ shardId, startSequenceNumber: sequenceNumber, endSequenceNumber: sequenceNumber },
      ...{ approximateArrivalOfFirstRecord: arrivedAt, approximateArrivalOfLastRecord: arrivedAt },
      ...{ batchSize: 1, streamArn },
    },
  };
}
