/**
 * What the sweeper asks of a shard, with named parameters (`:limit`) as the RDS Data API has them. The table is the
 * key store's, `services/gateway/src/idempotency/migrations`; casts are written out because `::` would read as the
 * start of a parameter.
 *
 * `statement_timestamp()` is the database's clock and, other than `clock_timestamp()`, can be looked up in an index.
 */

/**
 * A ticket that nothing came of within this may be lost, and another one is written: recovery that keeps up has read it by
 * then. It may have gone out to a task that died (and comes back after its visibility timeout), have been received five
 * times in vain, or have been lost with its region's queue. If that one moves nothing either, the next follows after twice
 * the time, as a network repeats what is not acknowledged: where tickets are not lost, but the queue is behind, what is
 * written again must not be what keeps it behind. An hour's wait makes nine at most.
 */
export const TICKET_LOST_AFTER_MS = 10_000;

/** The longest time between two tickets of one wait. */
export const LONGEST_BETWEEN_TICKETS_MS = 3_600_000;

/** More tickets of one wait are not counted: the time between them is the longest already. */
const MOST_TICKETS_COUNTED = 20;

const MILLISECOND = `interval '1 millisecond'`;

/** From then on somebody may take the row over. */
const WAITING_SINCE = 'greatest(lease_expires_at, resume_after)';

const WAITS = `status = 'PROCESSING' and ${WAITING_SINCE} <= statement_timestamp()`;

const WAITING_MS = `cast(1000 * extract(epoch from statement_timestamp() - ${WAITING_SINCE}) as float8) as waiting_ms`;

/**
 * A ticket was written since the row waits, and may still be on the queue. What a ticket meets goes on, whatever comes of
 * it: the row waits no more, or waits anew from a later moment than its last ticket.
 */
const IS_TICKETED = `coalesce(ticketed_at >= ${WAITING_SINCE}, false)`;
const HAS_TICKET = `(${IS_TICKETED} and statement_timestamp() - ticketed_at < ${MILLISECOND}
    * least(${LONGEST_BETWEEN_TICKETS_MS}, ${TICKET_LOST_AFTER_MS} * power(2, ticket_count - 1)))`;

/**
 * The rows that wait and have no ticket. Walks the index `idempotency_keys_sweepable`, which holds what is in flight
 * only, in its order.
 *
 * A shard is swept before the migration that adds its last two columns has come to it: in a deployment that brings both,
 * and after a failover. There the names mean those of `unmigrated`, because the row has none that are nearer, and every
 * row is without a ticket.
 */
export const SCAN = `
select due.*
from (select cast(null as timestamptz) as ticketed_at, cast(null as smallint) as ticket_count) as unmigrated
cross join lateral (
  select tenant_id, cast(idempotency_key as text) as idempotency_key, ${WAITING_MS},
    cast(1000000 * extract(epoch from statement_timestamp()) as float8) as found_at_us
  from idempotency_keys
  where ${WAITS} and not ${HAS_TICKET}
  order by ${WAITING_SINCE}
  limit :limit
) as due
order by due.waiting_ms desc`;

/** What waits, with a ticket or without: how much, counted to a limit, and for how long the first of it. */
export const BACKLOG = `
select cast(count(*) as float8) as waiting, coalesce(max(waiting_ms), 0) as longest_wait_ms
from (
  select ${WAITING_MS}
  from idempotency_keys
  where ${WAITS}
  order by ${WAITING_SINCE}
  limit :limit
) as oldest`;

/**
 * Notes that rows have a ticket, as of the moment at which a scan found them and not of this one: a row whose ticket has
 * been read already, and which was run and waits anew, waits from a later moment, and is due another one. Keys come as
 * JSON: the Data API takes no arrays.
 *
 * Leaves out what somebody else writes at this moment: whoever takes a row over ends its wait.
 */
export const MARK_TICKETED = `
with found as (
  select timestamptz 'epoch' + cast(:found_at_us as float8) * interval '1 microsecond' as at
)
update idempotency_keys
set ticketed_at = found.at,
  ticket_count = case when ${IS_TICKETED} then least(ticket_count + 1, ${MOST_TICKETS_COUNTED}) else 1 end
from found
where idempotency_keys.ctid = any(array(
  select ctid
  from idempotency_keys
  where (tenant_id, idempotency_key) in (
      select tenant_id, idempotency_key
      from jsonb_to_recordset(cast(:keys as jsonb)) as sent (tenant_id text, idempotency_key uuid)
    )
    and status = 'PROCESSING' and ${WAITING_SINCE} <= (select at from found)
  for no key update skip locked
))`;

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

export type StatementValue = number | string;
export type StatementParameters = Readonly<Record<string, StatementValue>>;

/**
 * The statement for `pg`, with `$1`, `$2` in the place of the names.
 *
 * @throws RangeError for a name without a value
 */
export function positional(
  statement: string,
  parameters: StatementParameters,
): { text: string; values: StatementValue[] } {
  const values: StatementValue[] = [];
  const text = statement.replace(/:([a-z_]+)/g, (_, name: string) => {
    const value = parameters[name];
    if (value === undefined) throw new RangeError(`parameter ${name} has no value`);
    values.push(value);
    return `$${values.length}`;
  });
  return { text, values };
}
