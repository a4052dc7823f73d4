-- Up Migration

-- The table is in use: whoever waits for its lock holds up every charge that comes after.
set local lock_timeout = '3s';

-- Both are the sweeper's alone, and in no index, so that writing them is a heap-only (HOT) update.
alter table idempotency_keys
  -- When the sweeper last found the row and sent a recovery ticket for it, on this database's clock. A ticket is that of
  -- the present wait where this is not before greatest(lease_expires_at, resume_after): whoever runs the charge moves
  -- those two on, so that nobody has to clear this.
  add column ticketed_at timestamptz,
  -- How many it has sent for that wait.
  add column ticket_count smallint;

-- There is no down migration; the version before does not look at the columns.
