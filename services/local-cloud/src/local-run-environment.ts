import path from 'node:path';
import {
  checkLease,
  gatewayEnvironment,
  localSweeperEnvironment,
  readEnvironment,
} from '#contract/environment';
import { z } from 'zod';

const gateway = gatewayEnvironment.shape;

/**
 * What `npm start` reads. Timing is chosen so that the charge of a killed task is finished within 60 s; every value can
 * be set from outside.
 */
const localRunEnvironment = z
  .object({
    PORT: z.coerce.number().int().min(1).max(65_535).default(8_080),
    /** What is shown of the parts' logs. */
    LOG_LEVEL: gateway.LOG_LEVEL.unwrap().default('warn'),
    /** Absent: a fresh temporary folder, removed at a clean stop. */
    DATA_DIR: z
      .string()
      .transform((folder) => path.resolve(folder))
      .optional(),
    /** Off: the events of charges stay on the consumers' queues. */
    CONSUMERS: z.enum(['on', 'off']).default('on'),
    /** Off: no console page. */
    CONSOLE: z.enum(['on', 'off']).default('on'),
    /** Absent: the one after PORT, or any free one. */
    CONSOLE_PORT: z.coerce.number().int().min(1).max(65_535).optional(),
    DATABASE_URLS: gateway.DATABASE_URLS.optional(),
    AWS_ENDPOINT_URL_DYNAMODB: z.url().optional(),
    AWS_ENDPOINT_URL_SQS: z.url().optional(),
    AWS_ENDPOINT_URL_S3: z.url().optional(),
    AWS_ENDPOINT_URL_EVENTBRIDGE: z.url().optional(),
    AWS_ENDPOINT_URL_SECRETS_MANAGER: z.url().optional(),
    /** A collector of traces to use in the place of the one that shows them. */
    OTEL_EXPORTER_OTLP_ENDPOINT: gateway.OTEL_EXPORTER_OTLP_ENDPOINT,
    STRIPE_API_BASE: gateway.STRIPE_API_BASE,
    PSP_ACCOUNTS: gateway.PSP_ACCOUNTS.optional(),
    /** What the secrets of the accounts `default` are to hold; absent: what they hold, or what the simulator takes. */
    STRIPE_SECRET_KEY: z
      .string()
      .regex(/^(?:sk|rk)_\w+$/, 'must begin with sk_ or rk_')
      .optional(),
    /** Several are separated by a comma. */
    STRIPE_WEBHOOK_SECRET: z
      .string()
      .transform((text) => text.split(',').map((secret) => secret.trim()))
      .pipe(z.array(z.string().regex(/^whsec_\S+$/, 'must begin with whsec_')).min(1))
      .optional(),
    /** An account of Braintree: all three, or none. */
    BRAINTREE_MERCHANT_ID: z.string().optional(),
    BRAINTREE_PUBLIC_KEY: z.string().optional(),
    BRAINTREE_PRIVATE_KEY: z.string().optional(),
    LEASE_MS: gateway.LEASE_MS.unwrap().default(15_000),
    PSP_TIMEOUT_MS: gateway.PSP_TIMEOUT_MS.unwrap().default(4_000),
    DUPLICATE_WAIT_MS: gateway.DUPLICATE_WAIT_MS.unwrap().default(10_000),
    PSP_UNRESOLVED_AFTER_MS: gateway.PSP_UNRESOLVED_AFTER_MS.unwrap().default(10_000),
    STOP_TIMEOUT_MS: gateway.STOP_TIMEOUT_MS.unwrap().default(10_000),
    SWEEP_INTERVAL_MS: localSweeperEnvironment.shape.SWEEP_INTERVAL_MS.default(1_000),
  })
  .superRefine(checkLease)
  .superRefine(checkBraintreeAccount);

export type LocalRunEnvironment = z.infer<typeof localRunEnvironment>;

/** Half an account charges nobody. */
function checkBraintreeAccount(
  environment: Readonly<Record<string, unknown>>,
  context: z.RefinementCtx,
): void {
  const names = ['BRAINTREE_MERCHANT_ID', 'BRAINTREE_PUBLIC_KEY', 'BRAINTREE_PRIVATE_KEY'];
  const absent = names.filter((name) => environment[name] === undefined);
  if (absent.length === names.length) return;
  for (const name of absent) {
    const message = 'is required with the other two of the account';
    context.addIssue({ code: 'custom', path: [name], message });
  }
}

/**
 * Reads the environment of the local run; a variable that is set to nothing counts as not set.
 *
 * @throws EnvironmentError naming each variable that is wrong
 */
export function readLocalRunEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): LocalRunEnvironment {
  return readEnvironment(localRunEnvironment, withoutEmpty(environment));
}

/**
 * The variables of a part that the local run does not decide itself, such as MAX_CHARGES_IN_FLIGHT, as they are set
 * from outside.
 */
export function passThrough(
  names: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(withoutEmpty(environment)).filter(([name]) => names.includes(name)),
  );
}

function withoutEmpty(environment: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => Boolean(entry[1]?.trim())),
  );
}
