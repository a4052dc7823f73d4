import { RDSDataClient } from '@aws-sdk/client-rds-data';
import { describe, expect, it } from '@jest/globals';

import { RdsDataEndpoint } from '#local-cloud/rds-data-endpoint';
import { DataApiSweptShard } from '#sweeper/data-api-swept-shard';
import { TEST_CREDENTIALS, TEST_REGION } from '#test/support/test-aws';

import { sweptShardContract } from './swept-shard.contract.ts';

const clusterArn = 'arn:aws:rds:us-east-1:000000000000:cluster:shard-0';
const secretArn = 'arn:aws:secretsmanager:us-east-1:000000000000:secret:shard-0';

function shardAt(endpoint: string, client = clientOf(endpoint)): DataApiSweptShard {
  return new DataApiSweptShard(client, { clusterArn, secretArn, database: 'charges' });
}

function clientOf(endpoint: string): RDSDataClient {
  return new RDSDataClient({ region: TEST_REGION, endpoint, credentials: TEST_CREDENTIALS });
}

sweptShardContract('DataApiSweptShard', async (databaseUrl) => {
  const endpoint = await RdsDataEndpoint.start(new Map([[clusterArn, databaseUrl]]));
  const client = clientOf(endpoint.url);
  return {
    shard: shardAt(endpoint.url, client),
    close: async () => {
      client.destroy();
      await endpoint.stop();
    },
  };
});

describe('DataApiSweptShard', () => {
  it('reports a database that is down', async () => {
    const endpoint = await RdsDataEndpoint.start(new Map([[clusterArn, 'postgres://u:p@127.0.0.1:1/none']]));
    await expect(shardAt(endpoint.url).scan(1)).rejects.toMatchObject({
      name: 'DatabaseUnavailableException',
    });
    await endpoint.stop();
  });

  it('reports a cluster whose Data API is not enabled', async () => {
    const endpoint = await RdsDataEndpoint.start(new Map());
    await expect(shardAt(endpoint.url).purge(1)).rejects.toMatchObject({ name: 'BadRequestException' });
    await endpoint.stop();
  });
});
