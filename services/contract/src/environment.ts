import { z } from 'zod';

import { CONSUMERS } from './events.ts';
import { pspAccountName, PSP_NAMES } from './psp-accounts.ts';
import { isLoopback, isUnverifiedDatabase, unverifiedTransports } from './verified-transport.ts';

/**
 * The environment of each process: infrastructure sets exactly these names, the runtime reads exactly these.
 * Names of resources have no default: a process that does not know its table must not start.
 */

const milliseconds = z.coerce.number().int().positive();
const commaSeparatedUrls = z
  .string()
  .transform((value) => value.split(',').map((url) => url.trim()))
  .pipe(z.array(z.url({ protocol: /^postgres(ql)?$/ })).min(1));

const shared = {
  NODE_ENV: z.enum(['production', 'development', 'test']),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  AWS_REGION: z.string().min(1),
  /** SQS queue that carries recovery tickets. */
  RECOVERY_QUEUE_URL: z.url(),
};

const MOST_PSP_ACCOUNTS = 32;

const pspAccount = z
  .tuple([z.enum(PSP_NAMES), pspAccountName])
  .transform(([pspName, account]) => ({ pspName, pspAccount: account }));
/** Such as `stripe/default,braintree/default`. */
export const pspAccounts = z
  .string()
  .transform((text) => text.split(',').map((entry) => entry.trim().split('/')))
  .pipe(z.array(pspAccount).min(1).max(MOST_PSP_ACCOUNTS))
  .refine(
    (accounts) => new Set(accounts.map((one) => `${one.pspName}/${one.pspAccount}`)).size === accounts.length,
    'names an account twice',
  );

/** A key of the local run that seals payment method tokens. */
export interface LocalTokenKey {
  readonly name: string;
  /** 32 bytes. */
  readonly key: Uint8Array;
}

const localTokenKeys = z.string().transform((value, context): LocalTokenKey[] =>
  value.split(',').map((text) => {
    const [name = '', encoded = ''] = text.split(':');
    const key = Buffer.from(encoded, 'base64');
    if (name === '' || key.byteLength !== 32) {
      context.addIssue({
        code: 'custom',
        message: 'must be a list of name:key, each key 32 bytes in base64',
      });
    }
    return { name, key };
  }),
);

export const gatewayEnvironment = z
  .object({
    ...shared,
    PORT: z.coerce.number().int().min(0).max(65_535),
    /** Address to listen on; loopback in the local run. */
    HOST: z.string().default('0.0.0.0'),
    /** Several processes share the port (SO_REUSEPORT): the two tasks of the local run. */
    LISTEN_REUSE_PORT: z.stringbool().default(false),
    /** HTTPS with a certificate made at start. Absent: on in production, where it cannot be turned off. */
    SERVE_TLS: z.stringbool().optional(),
    CHECKPOINTS_TABLE: z.string().min(1),
    LEDGER_TABLE: z.string().min(1),
    TENANTS_TABLE: z.string().min(1),
    WEBHOOK_EVENTS_TABLE: z.string().min(1),
    EVENT_BUS_NAME: z.string().min(1),
    /**
     * One PostgreSQL URL a shard, in the order of the shards: all of them in every region, because a key's slot must
     * lead to the same shard everywhere. Without a password, the user signs in by IAM. In production over TLS only.
     */
    DATABASE_URLS: commaSeparatedUrls,
    /** Connections to each shard. */
    DATABASE_POOL_SIZE: z.coerce.number().int().positive().default(16),
    /** Only to reach a Stripe other than Stripe's own, such as the bundled simulator. */
    STRIPE_API_BASE: z.url().optional(),
    /** The accounts of PSPs that charges can be made through: comma-separated, such as `stripe/default`. */
    PSP_ACCOUNTS: pspAccounts,
    /** Before an account's name in that of its secret in Secrets Manager: `PREFIX/stripe/default`. */
    PSP_SECRET_PREFIX: z
      .string()
      .regex(/^[\w+=.@-]+(?:\/[\w+=.@-]+)*$/, "must be the beginning of a secret's name"),
    /** The longest between two reads of a secret: how late a new version is noticed that the PSP does not ask for. */
    PSP_CREDENTIALS_REFRESH_MS: z.coerce.number().int().min(1_000).max(3_600_000).default(300_000),
    BRAINTREE_ENVIRONMENT: z.enum(['sandbox', 'production']).default('production'),
    /** Only to reach the bundled simulator: must not be set in production. */
    BRAINTREE_API_BASE: z.url().optional(),
    /** ARN of the KMS key that seals payment method tokens: this region's share of a multi-region key. */
    TOKEN_KEY_ARN: z.string().min(1).optional(),
    /** Instead of it, outside of production: comma-separated name:key, 32 bytes in base64. The first one seals. */
    TOKEN_SEALING_KEYS: localTokenKeys.optional(),
    /** Base URL of an OTLP/HTTP collector that takes traces. Absent: nothing is traced. */
    OTEL_EXPORTER_OTLP_ENDPOINT: z.url().optional(),
    /** Share of the traces that are kept whatever happens in them; errors and takeovers are always. */
    TRACE_SAMPLE_RATIO: z.coerce.number().min(0).max(1).default(0.01),
    /** How long an acquisition of a key holds it; longer than the whole budget of the PSP. */
    LEASE_MS: milliseconds.default(30_000),
    /** One attempt at the PSP. */
    PSP_TIMEOUT_MS: milliseconds.default(8_000),
    /** How long a duplicate waits for the answer of the request that runs. */
    DUPLICATE_WAIT_MS: milliseconds.default(10_000),
    /** After this, a charge that the PSP answers with errors only and cannot find is voided as unresolved. */
    PSP_UNRESOLVED_AFTER_MS: milliseconds.default(900_000),
    /** How long a terminal answer is kept for replays. */
    KEY_RETENTION_SECONDS: z.coerce.number().int().positive().default(86_400),
    /** Charges that one task runs at a time; beyond it, 503. */
    MAX_CHARGES_IN_FLIGHT: z.coerce.number().int().positive().default(512),
    /** From SIGTERM to the end; below the stop timeout of the container. */
    STOP_TIMEOUT_MS: milliseconds.default(110_000),
  })
  .superRefine(checkLease)
  .superRefine(checkTransport)
  .superRefine(checkTokenKey)
  .superRefine(checkBraintree);

/** What a lease needs besides one attempt at the PSP: the stores before it, and the writes after it. */
export const LEASE_RESERVE_MS = 3_000;

/** A lease that ends before the PSP's answer would let two tasks run one charge (protocol rule 7). */
export function checkLease(
  { LEASE_MS, PSP_TIMEOUT_MS }: { LEASE_MS: number; PSP_TIMEOUT_MS: number },
  context: z.RefinementCtx,
): void {
  if (LEASE_MS >= PSP_TIMEOUT_MS + LEASE_RESERVE_MS) return;
  context.addIssue({
    code: 'custom',
    path: ['LEASE_MS'],
    message: `must be at least PSP_TIMEOUT_MS and ${LEASE_RESERVE_MS} more`,
  });
}

/** Production has no plain-text fallback: a task that would serve HTTP does not start. */
function checkTransport(
  { NODE_ENV, SERVE_TLS }: { NODE_ENV: string; SERVE_TLS?: boolean | undefined },
  context: z.RefinementCtx,
): void {
  if (NODE_ENV !== 'production' || SERVE_TLS !== false) return;
  context.addIssue({ code: 'custom', path: ['SERVE_TLS'], message: 'must not be off in production' });
}

/** Tokens are sealed in every environment, and in production by a key that no process holds. */
function checkTokenKey(
  environment: { NODE_ENV: string; TOKEN_KEY_ARN?: string | undefined; TOKEN_SEALING_KEYS?: unknown },
  context: z.RefinementCtx,
): void {
  const { NODE_ENV, TOKEN_KEY_ARN, TOKEN_SEALING_KEYS } = environment;
  const issue = (name: string, message: string): void =>
    context.addIssue({ code: 'custom', path: [name], message });
  if (NODE_ENV === 'production' && TOKEN_SEALING_KEYS !== undefined) {
    issue('TOKEN_SEALING_KEYS', 'must not be set in production');
  } else if (NODE_ENV === 'production' && TOKEN_KEY_ARN === undefined) {
    issue('TOKEN_KEY_ARN', 'is required in production');
  } else if ((TOKEN_KEY_ARN === undefined) === (TOKEN_SEALING_KEYS === undefined)) {
    issue('TOKEN_SEALING_KEYS', 'exactly one of TOKEN_KEY_ARN and TOKEN_SEALING_KEYS must be set');
  }
}

/** What is in production speaks to Braintree's own environments, over HTTPS. */
function checkBraintree(
  { NODE_ENV, BRAINTREE_API_BASE }: { NODE_ENV: string; BRAINTREE_API_BASE?: string | undefined },
  context: z.RefinementCtx,
): void {
  if (NODE_ENV !== 'production' || BRAINTREE_API_BASE === undefined) return;
  context.addIssue({
    code: 'custom',
    path: ['BRAINTREE_API_BASE'],
    message: 'must not be set in production',
  });
}

export type GatewayEnvironment = z.infer<typeof gatewayEnvironment>;

/** The command that migrates the key store's shards. */
export const migrationCommandEnvironment = z.object({
  LOG_LEVEL: shared.LOG_LEVEL,
  /** Over TLS, verified, wherever a URL leads to another machine. */
  DATABASE_URLS: commaSeparatedUrls.transform((urls, context) =>
    urls.map((url) => {
      if (isLoopback(url)) return url;
      if (isUnverifiedDatabase(url)) {
        const message = 'must ask for no other sslmode than verify-full of a database on another machine';
        context.addIssue({ code: 'custom', message });
      }
      const verified = new URL(url);
      verified.searchParams.set('sslmode', 'verify-full');
      return verified.href;
    }),
  ),
});

const sweeperShared = {
  ...shared,
  /** Rows that one run takes from one shard at most. */
  SWEEP_BATCH_SIZE: z.coerce.number().int().positive().max(10_000).default(500),
};

/** Sweeper as a Lambda: reaches its shard through the RDS Data API. */
export const sweeperEnvironment = z.object({
  ...sweeperShared,
  /** Comma-separated ARNs of the clusters whose shards are swept. */
  DATABASE_CLUSTER_ARNS: z.string().transform((value) => value.split(',')),
  /** Comma-separated ARNs of the secrets, in the order of the clusters. */
  DATABASE_SECRET_ARNS: z.string().transform((value) => value.split(',')),
  DATABASE_NAME: z.string().min(1),
});

const commaSeparatedNumbers = z
  .string()
  .transform((value) => value.split(',').map(Number))
  .pipe(z.array(z.int().nonnegative()));

/** Reconciler as a Lambda: reads the shards that are homed in its region through the RDS Data API. */
export const reconcilerEnvironment = z
  .object({
    ...shared,
    LEDGER_TABLE: z.string().min(1),
    CHECKPOINTS_TABLE: z.string().min(1),
    /** Shards of the whole key store: a charge's key leads to one of them. */
    SHARD_COUNT: z.coerce.number().int().positive(),
    /** Comma-separated numbers of the shards that are compared here. */
    HOME_SHARDS: commaSeparatedNumbers,
    /** Comma-separated ARNs of their clusters, in the order of the shards. */
    DATABASE_CLUSTER_ARNS: z.string().transform((value) => value.split(',')),
    /** Comma-separated ARNs of the secrets, in the order of the clusters. */
    DATABASE_SECRET_ARNS: z.string().transform((value) => value.split(',')),
    DATABASE_NAME: z.string().min(1),
    PSP_ACCOUNTS: pspAccounts,
    PSP_SECRET_PREFIX: gatewayEnvironment.shape.PSP_SECRET_PREFIX,
    STRIPE_API_BASE: gatewayEnvironment.shape.STRIPE_API_BASE,
    BRAINTREE_ENVIRONMENT: gatewayEnvironment.shape.BRAINTREE_ENVIRONMENT,
    BRAINTREE_API_BASE: gatewayEnvironment.shape.BRAINTREE_API_BASE,
    /** As the gateway has it: by it, the rows of a time are found. */
    KEY_RETENTION_SECONDS: gatewayEnvironment.shape.KEY_RETENTION_SECONDS,
    /** How much time one run compares: several times what lies between two runs. */
    WINDOW_SECONDS: z.coerce.number().int().positive().default(900),
    /** What is younger may be on its way, and is left to the next run. */
    GRACE_SECONDS: z.coerce.number().int().positive().default(300),
    /** How long a charge may take to its end; longer than an absence at the PSP takes to count. */
    OPEN_AT_MOST_SECONDS: z.coerce.number().int().positive().default(1_800),
  })
  .superRefine(checkBraintree)
  .superRefine(checkHomeShards);

/** A shard without its cluster would be compared by nobody. */
function checkHomeShards(
  environment: {
    SHARD_COUNT: number;
    HOME_SHARDS: readonly number[];
    DATABASE_CLUSTER_ARNS: readonly string[];
    DATABASE_SECRET_ARNS: readonly string[];
  },
  context: z.RefinementCtx,
): void {
  const { SHARD_COUNT, HOME_SHARDS } = environment;
  const issue = (name: string, message: string): void =>
    context.addIssue({ code: 'custom', path: [name], message });
  if (HOME_SHARDS.some((shard) => shard >= SHARD_COUNT)) {
    issue('HOME_SHARDS', 'must be numbers of shards, below SHARD_COUNT');
  }
  for (const name of ['DATABASE_CLUSTER_ARNS', 'DATABASE_SECRET_ARNS'] as const) {
    if (environment[name].length !== HOME_SHARDS.length) issue(name, 'must be as many as HOME_SHARDS');
  }
}

/** Migrations as a Lambda, which a deployment runs before the tasks of its version. */
export const migrationEnvironment = z.object({
  NODE_ENV: shared.NODE_ENV,
  LOG_LEVEL: shared.LOG_LEVEL,
  /** One URL a shard: the cluster's own endpoint, the owner's name, no password. */
  DATABASE_URLS: commaSeparatedUrls,
  /** Comma-separated ARNs of the owners' secrets, in the order of the URLs. */
  DATABASE_SECRET_ARNS: z.string().transform((value) => value.split(',')),
});

/** Sweeper as a process beside a local run: reaches its shards through `pg`. */
export const localSweeperEnvironment = z.object({
  ...sweeperShared,
  DATABASE_URLS: commaSeparatedUrls,
  SWEEP_INTERVAL_MS: milliseconds,
  /** Base URL of an OTLP/HTTP collector that takes traces. Absent: nothing is traced. */
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url().optional(),
});

/** A reference consumer of the payment events: one process for each queue. */
export const consumerEnvironment = z.object({
  NODE_ENV: shared.NODE_ENV,
  LOG_LEVEL: shared.LOG_LEVEL,
  AWS_REGION: shared.AWS_REGION,
  /** Which of the consumers this process is. */
  CONSUMER: z.enum(CONSUMERS),
  /** That consumer's own queue. */
  CONSUMER_QUEUE_URL: z.url(),
  /** Table that takes what the consumers make of events, and which events they have had. */
  CONSUMERS_TABLE: z.string().min(1),
  /** Events that one process works on at a time. */
  MAX_EVENTS_IN_FLIGHT: z.coerce.number().int().positive().max(1_000).default(16),
  /** How long an event stays with a process that has died; renewed at a third of it while one works. */
  VISIBILITY_TIMEOUT_SECONDS: z.coerce.number().int().min(1).max(43_200).default(30),
  /** One event's work; after this it is given up and comes back. */
  EVENT_TIMEOUT_MS: milliseconds.default(60_000),
  /**
   * How long it is remembered that an event has been had: longer than the archive can replay it, and than it can
   * wait in a queue and in a dead-letter queue.
   */
  EVENT_MARKERS_KEPT_SECONDS: z.coerce.number().int().positive().default(34_560_000),
  /** From SIGTERM to the end; below the stop timeout of the container. */
  STOP_TIMEOUT_MS: milliseconds.default(25_000),
});

export type ConsumerEnvironment = z.infer<typeof consumerEnvironment>;

/** Archiver of the ledger as a Lambda. */
export const auditArchiverEnvironment = z.object({
  NODE_ENV: shared.NODE_ENV,
  LOG_LEVEL: shared.LOG_LEVEL,
  AWS_REGION: shared.AWS_REGION,
  /** Bucket under Object Lock that the entries of this region are archived in. */
  AUDIT_BUCKET: z.string().min(1),
});

/** Archiver as a process beside a local run: reads the ledger's stream itself. */
export const localAuditArchiverEnvironment = auditArchiverEnvironment.extend({
  LEDGER_TABLE: z.string().min(1),
  /** Gets what cannot be archived, as the mapping's on-failure destination does. */
  AUDIT_FAILURE_QUEUE_URL: z.url(),
  /** Between two reads of a stream that has nothing new. */
  ARCHIVE_INTERVAL_MS: milliseconds.default(500),
});

/** A variable that is missing or wrong; the message names every one of them. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError';
}

/**
 * Reads a process's environment.
 *
 * @throws EnvironmentError naming each variable that is missing or wrong, and in production each that would let the
 * process speak to something unverified; never with its value, which may be a secret.
 */
export function readEnvironment<Schema extends z.ZodObject>(
  schema: Schema,
  environment: Readonly<Record<string, string | undefined>>,
): z.infer<Schema> {
  const result = schema.safeParse(environment);
  const problems = (result.error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);
  if (environment.NODE_ENV === 'production') {
    const unverified = unverifiedTransports(Object.keys(schema.shape), environment);
    problems.push(...unverified.map(({ name, message }) => `${name}: ${message}`));
  }
  if (result.success && problems.length === 0) return result.data;
  throw new EnvironmentError(`The environment is not usable:\n  ${problems.join('\n  ')}`);
}
