/**
 * What the sweeper asks of a shard, with named parameters (`:limit`) as the RDS Data API has them. The table is the
 * key store's, `services/gateway/src/idempotency/migrations`; casts are written out because `::` would read as the
 * start of a parameter.
 *
 * `statement_timestamp()` is the database's clock and, other than `clock_timestamp()`, can be looked up in an index.
 */

/** Walks the index `idempotency_keys_sweepable`, which holds what is in flight only, in its order. */
export const SCAN = `
select tenant_id, cast(idempotency_key as text) as idempotency_key,
  cast(1000 * extract(epoch from statement_timestamp() - greatest(lease_expires_at, resume_after)) as float8) as waiting_ms
from idempotency_keys
where status = 'PROCESSING' and greatest(lease_expires_at, resume_after) <= statement_timestamp()
order by greatest(lease_expires_at, resume_after)
limit :limit`;

/**
 * A row outlives its expiry by so much. Until then it still knows its epoch, and a clock that is wrong by hours
 * costs nothing.
 */
export const KEPT_AFTER_EXPIRY_MS = 24 * 3_600 * 1_000;

/** Leaves out what somebody else writes at this moment; two purges at once share the work. */
export const PURGE = `
delete from idempotency_keys
where ctid = any(array(
  select ctid
  from idempotency_keys
  where expires_at <= statement_timestamp() - cast(:kept_ms as float8) * interval '1 millisecond'
  order by expires_at
  limit :limit
  for update skip locked
))`;

export type StatementParameters = Readonly<Record<string, number>>;

/**
 * The statement for `pg`, with `$1`, `$2` in the place of the names.
 *
 * @throws RangeError for a name without a value
 */
export function positional(
  statement: string,
  parameters: StatementParameters,
): { text: string; values: number[] } {
  const values: number[] = [];
  const text = statement.replace(/:([a-z_]+)/g, (_, name: string) => {
    const value = parameters[name];
    if (value === undefined) throw new RangeError(`parameter ${name} has no value`);
    values.push(value);
    return `$${values.length}`;
  });
  return { text, values };
}
