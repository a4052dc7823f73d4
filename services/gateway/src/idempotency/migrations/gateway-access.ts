import { Client } from 'pg';

/**
 * The role that the gateway's tasks log in as: by IAM only, because it has no password and RDS lets members of
 * `rds_iam` in with a token. It may do what the key store's statements do; rows are deleted by the sweeper, which is
 * the owner. Safe to repeat, and to run several times at once. The name is `GATEWAY_DATABASE_USER` of the
 * infrastructure.
 */
const GRANT_ACCESS = `
  do $$
  begin
    create role gateway login;
  exception
    -- The second one is what the loser of a race gets.
    when duplicate_object or unique_violation then null;
  end
  $$;
  grant rds_iam to gateway;
  grant usage on schema public to gateway;
  grant select, insert, update on idempotency_keys to gateway;
`;

const CONNECTION_TIMEOUT_MS = 10_000;
const STATEMENT_TIMEOUT_MS = 60_000;

/** Lets the gateway into a migrated shard of Aurora; a plain PostgreSQL has no `rds_iam`. */
export async function grantGatewayAccess(databaseUrl: string): Promise<void> {
  const client = new Client({
    connectionString: databaseUrl,
    connectionTimeoutMillis: CONNECTION_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS,
  });
  await client.connect();
  try {
    await client.query(GRANT_ACCESS);
  } finally {
    await client.end();
  }
}
