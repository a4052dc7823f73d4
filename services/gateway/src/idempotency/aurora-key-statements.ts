/**
 * The statements of AuroraKeyStore. Each is one round trip and one transaction, unnamed and without session state,
 * so that RDS Proxy need not pin a connection. Leases and expiry are on the database's clock alone
 * (protocol rule 17), taken when the row is looked at: `clock_timestamp()`, because `now()` is that of the
 * statement's start, before it waited for a lock. No statement lowers an epoch (invariant I7).
 */

/**
 * For so long after its expiry a row still counts: a task whose clock is slow may be replaying the checkpoint's copy
 * of the answer, and nothing may run the key anew meanwhile.
 */
export const EXPIRY_SKEW_MARGIN_MS = 60_000;

/** A freed row only remembers its epoch. */
const FREED_RETENTION = `interval '1 day'`;

const MILLISECOND = `interval '1 millisecond'`;

/** Of the row `k`, for the acquisition whose parameters TAKE_OVER names. */
const SAME_REQUEST = `coalesce(k.fingerprint = decode($4::text, 'hex'), true)`;
/** The same acquisition asks again, because it never got its answer (protocol rule 8). */
const OWN_REPEAT = `(k.status = 'PROCESSING' and k.run_id = $3::uuid)`;
const LEASE_EXPIRED = `(k.status = 'PROCESSING' and k.lease_expires_at <= clock_timestamp())`;
/** False for PROCESSING, which has no `expires_at`. */
const EXPIRED = `coalesce(k.expires_at <= clock_timestamp() - ${EXPIRY_SKEW_MARGIN_MS} * ${MILLISECOND}, false)`;
/** Recovery ($7 is false) takes over what is being worked on, and nothing else. */
const TAKEABLE = `(
  ((${OWN_REPEAT} or ${LEASE_EXPIRED}) and ${SAME_REQUEST})
  or ($7::boolean and k.status = 'FREED' and ${SAME_REQUEST})
  or ($7::boolean and ${EXPIRED})
)`;

/**
 * Makes the rows of keys that have none: all that an acquisition needs where nobody else asks. A key that has a row
 * is left out of the answer and nothing is written for it, not even a row lock (protocol rule 12). Of several at
 * once one wins; the others wait for its commit.
 *
 * Takes a list of keys, each at most once in it, in the order of the key, so that two lists cannot deadlock.
 */
export const INSERT = `
insert into idempotency_keys (tenant_id, idempotency_key, slot, fingerprint, status, epoch, run_id,
  lease_expires_at, created_at, updated_at)
select tenant_id, idempotency_key, slot, decode(fingerprint, 'hex'), 'PROCESSING', epoch, run_id,
  clock_timestamp() + lease_ms * ${MILLISECOND}, clock_timestamp(), clock_timestamp()
from unnest($1::text[], $2::uuid[], $3::smallint[], $4::text[], $5::bigint[], $6::uuid[], $7::float8[])
  as r (tenant_id, idempotency_key, slot, fingerprint, epoch, run_id, lease_ms)
on conflict do nothing
returning tenant_id, idempotency_key, epoch`;

/**
 * Takes the row over, or says why not.
 *
 * 1. `seen` reads the row in the statement's snapshot and takes no lock: a duplicate ends here and writes nothing.
 * 2. `locked` takes the row lock where the row may be taken over, judged on the newest version of it. Where another
 *    holds the lock it steps aside.
 * 3. `taken` writes the new holder and its epoch.
 *
 * Where `seen` says that the row may be taken and `taken` is empty, somebody else was faster and the snapshot is out
 * of date: the caller asks again.
 *
 *     A  seen: expired   locked   taken, epoch 8   commit
 *     B     seen: expired            locked: stepped aside -> again -> seen: leased to A, epoch 8
 *     C     seen: expired                                     locked: newest version is leased to A -> again
 *
 * C is the one loser that leaves a trace, which no reader sees: the lock on a version that its snapshot did not have.
 * (In INSERT that is a dead row version of a loser that looked in the very moment when the winner inserted.)
 */
export const TAKE_OVER = `
with seen as (
  select k.status, k.response_status, k.response_body,
    ${TAKEABLE} as takeable,
    ${EXPIRED} as expired,
    ${SAME_REQUEST} as same_request,
    extract(epoch from k.lease_expires_at - clock_timestamp()) * 1000 as lease_remaining_ms
  from idempotency_keys k
  where k.tenant_id = $1 and k.idempotency_key = $2
),
locked as (
  select k.tenant_id, k.idempotency_key, k.status
  from idempotency_keys k
  where k.tenant_id = $1 and k.idempotency_key = $2 and ${TAKEABLE}
  for no key update skip locked
),
taken as (
  update idempotency_keys k set
    status = 'PROCESSING',
    epoch = greatest(k.epoch + case when ${OWN_REPEAT} then 0 else 1 end, $6::bigint),
    fingerprint = coalesce(decode($4::text, 'hex'), k.fingerprint),
    run_id = $3::uuid,
    lease_expires_at = clock_timestamp() + $5::float8 * ${MILLISECOND},
    resume_after = null,
    response_status = null,
    response_body = null,
    created_at = case when k.status = 'PROCESSING' then k.created_at else clock_timestamp() end,
    updated_at = clock_timestamp(),
    expires_at = null
  from locked
  where k.tenant_id = locked.tenant_id and k.idempotency_key = locked.idempotency_key
  returning k.epoch as won_epoch, encode(k.fingerprint, 'hex') as won_fingerprint, locked.status as taken_from
)
select * from seen left join taken on true`;

/** Also finds the effect of its own lost repeat, which it does not raise again. */
export const RAISE_EPOCH = `
update idempotency_keys set
  epoch = greatest(epoch, $5::bigint),
  updated_at = clock_timestamp()
where tenant_id = $1 and idempotency_key = $2 and run_id = $3 and status = 'PROCESSING'
  and epoch in ($4::bigint, greatest($4::bigint, $5::bigint))
returning epoch`;

/** A row that this very run made terminal stays as it is, and counts as done. A list of keys, each at most once. */
export const COMPLETE = `
update idempotency_keys k set
  status = 'TERMINAL',
  fingerprint = case when k.status = 'TERMINAL' then k.fingerprint else decode(r.fingerprint, 'hex') end,
  response_status = coalesce(k.response_status, r.response_status),
  response_body = coalesce(k.response_body, r.response_body),
  resume_after = null,
  expires_at = coalesce(k.expires_at, clock_timestamp() + r.retention_seconds * interval '1 second'),
  updated_at = clock_timestamp()
from unnest($1::text[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[], $6::smallint[], $7::text[],
  $8::float8[])
  as r (tenant_id, idempotency_key, run_id, epoch, fingerprint, response_status, response_body, retention_seconds)
where k.tenant_id = r.tenant_id and k.idempotency_key = r.idempotency_key
  and k.run_id = r.run_id and k.epoch = r.epoch and k.status in ('PROCESSING', 'TERMINAL')
returning k.tenant_id, k.idempotency_key`;

export const RELEASE = `
update idempotency_keys set
  lease_expires_at = clock_timestamp(),
  resume_after = clock_timestamp() + $5::float8 * ${MILLISECOND},
  fingerprint = coalesce(decode($6::text, 'hex'), fingerprint),
  updated_at = clock_timestamp()
where tenant_id = $1 and idempotency_key = $2 and run_id = $3 and epoch = $4 and status = 'PROCESSING'`;

/** A row that this very run freed counts as done. */
export const FREE = `
update idempotency_keys set
  status = 'FREED',
  resume_after = null,
  expires_at = coalesce(expires_at, clock_timestamp() + ${FREED_RETENTION}),
  updated_at = clock_timestamp()
where tenant_id = $1 and idempotency_key = $2 and run_id = $3 and epoch = $4
  and status in ('PROCESSING', 'FREED')`;

export const PEEK = `
select status, encode(fingerprint, 'hex') as fingerprint, epoch, response_status, response_body,
  extract(epoch from lease_expires_at - clock_timestamp()) * 1000 as lease_remaining_ms
from idempotency_keys
where tenant_id = $1 and idempotency_key = $2`;
