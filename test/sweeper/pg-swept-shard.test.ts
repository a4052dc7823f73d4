import { describe, expect, it } from '@jest/globals';
import { Pool } from 'pg';

import { PgSweptShard } from '#sweeper/pg-swept-shard';
import { positional } from '#sweeper/shard-statements';

import { sweptShardContract } from './swept-shard.contract.ts';

sweptShardContract('PgSweptShard', (connectionString) => {
  const pool = new Pool({ connectionString, max: 1 });
  return Promise.resolve({ shard: new PgSweptShard('shard-0', pool), close: () => pool.end() });
});

describe('the statements of a swept shard', () => {
  it('are numbered for pg', () => {
    expect(positional('a = :first and b = :second and c = :first', { first: 1, second: 2 })).toEqual({
      text: 'a = $1 and b = $2 and c = $3',
      values: [1, 2, 1],
    });
  });

  it('are refused when a parameter has no value', () => {
    expect(() => positional('limit :limit', {})).toThrow(RangeError);
  });
});
