/**
 * What the reconciler asks of a shard, with named parameters (`:limit`) as the RDS Data API has them. The table is the
 * key store's, `services/gateway/src/idempotency/migrations`. It reads only, and along the indexes that the sweeper has:
 * what has ended is found by the time of its expiry, which is that of its end and the retention; what is in flight is
 * the whole of the sweeper's index. Times go in and out as microseconds, PostgreSQL's own resolution.
 */

const COLUMNS = `tenant_id, cast(idempotency_key as text) as idempotency_key, status, response_status,
  cast(extract(epoch from created_at) * 1000 as bigint) as created_epoch_ms`;

const timeOf = (parameter: string): string =>
  `timestamptz 'epoch' + cast(:${parameter} as float8) * interval '1 microsecond'`;

/**
 * Terminal rows whose expiry is in a range, the latest first; goes on behind a row by its place in that order. A FREED
 * row expires as well, and stands for no charge.
 */
export const ENDED = `
select ${COLUMNS}, cast(extract(epoch from expires_at) * 1000000 as bigint) as expires_epoch_us
from idempotency_keys
where expires_at >= ${timeOf('from_us')}
  and (expires_at, tenant_id, cast(idempotency_key as text)) < (${timeOf('before_us')}, :before_tenant, :before_key)
  and status = 'TERMINAL'
order by expires_at desc, tenant_id desc, cast(idempotency_key as text) desc
limit :limit`;

/** Walks the index of what is in flight. */
export const OPEN = `
select ${COLUMNS}
from idempotency_keys
where status = 'PROCESSING' and created_at < ${timeOf('before_us')}
order by created_at
limit :limit`;

/** Rows by their keys, which come as JSON: the Data API takes no arrays. */
export const BY_KEY = `
select ${COLUMNS}
from idempotency_keys
where (tenant_id, idempotency_key) in (
  select wanted.tenant_id, wanted.idempotency_key
  from jsonb_to_recordset(cast(:keys as jsonb)) as wanted (tenant_id text, idempotency_key uuid)
)`;

export type StatementValue = string | number;
export type StatementParameters = Readonly<Record<string, StatementValue>>;
