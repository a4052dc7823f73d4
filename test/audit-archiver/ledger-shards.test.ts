import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import { expect, it } from '@jest/globals';

import { LedgerStream } from '#audit-archiver/ledger-stream';
import { TEST_CREDENTIALS, TEST_REGION } from '#test/support/test-aws';

it('reads the shards of a stream that has several pages of them', async () => {
  const StreamArn = 'arn:aws:dynamodb:us-east-1:000000000000:table/ledger/stream/1';
  const shards = Array.from({ length: 250 }, (_, index) => `shardId-${String(index).padStart(20, '0')}`);
  const pages: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      const { ExclusiveStartShardId: after } = JSON.parse(text) as { ExclusiveStartShardId?: string };
      const isList = String(request.headers['x-amz-target']).endsWith('ListStreams');
      if (!isList) pages.push(after);
      const page = shards.slice(after === undefined ? 0 : shards.indexOf(after) + 1).slice(0, 100);
      const last = page.at(-1) === shards.at(-1) ? {} : { LastEvaluatedShardId: page.at(-1) };
      const Shards = page.map((ShardId) => ({ ShardId }));
      const answer = isList
        ? { Streams: [{ StreamArn }] }
        : { StreamDescription: { StreamArn, Shards, ...last } };
      response.writeHead(200, { 'Content-Type': 'application/x-amz-json-1.0' }).end(JSON.stringify(answer));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const address = { endpoint: `http://127.0.0.1:${port}`, region: TEST_REGION };
  const stream = new LedgerStream(
    new DynamoDBStreamsClient({ ...address, credentials: TEST_CREDENTIALS }),
    'ledger',
  );
  try {
    expect(await stream.shardIds()).toEqual(shards);
    expect(pages).toEqual([undefined, shards[99], shards[199]]);
  } finally {
    stream.close();
    server.close();
  }
});
