import { env } from 'node:process';

import { z } from 'zod';

/** As RDS and CDK write the secret of a database's user. */
const databaseSecret = z.object({ username: z.string().min(1), password: z.string().min(1) });

export type DatabaseSecret = z.infer<typeof databaseSecret>;

/** A secret that could not be read. Never carries any of it. */
export class SecretUnavailableError extends Error {
  override readonly name = 'SecretUnavailableError';
}

const DEFAULT_PORT = 2773;
const TIMEOUT_MS = 10_000;

/**
 * Reads the secret of a database's user from the AWS Parameters and Secrets Lambda Extension, which runs beside the
 * function, signs with its role and listens on the loopback address ("Use Secrets Manager secrets in Lambda
 * functions", AWS Secrets Manager).
 *
 * @throws SecretUnavailableError
 */
export async function readDatabaseSecret(secretArn: string): Promise<DatabaseSecret> {
  const port = env.PARAMETERS_SECRETS_EXTENSION_HTTP_PORT ?? DEFAULT_PORT;
  const url = new URL(`http://localhost:${port}/secretsmanager/get`);
  url.searchParams.set('secretId', secretArn);
  try {
    const response = await fetch(url, {
      // The extension's proof that the function asks, and not something that a forged request reached.
      headers: { 'X-Aws-Parameters-Secrets-Token': env.AWS_SESSION_TOKEN ?? '' },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok) throw new Error(`the extension answered ${response.status}`);
    const { SecretString } = z.object({ SecretString: z.string() }).parse(await response.json());
    return databaseSecret.parse(JSON.parse(SecretString));
  } catch (error) {
    // A parser's message may quote what it could not parse.
    const reason = error instanceof SyntaxError ? 'it is not JSON' : String(error);
    throw new SecretUnavailableError(`${secretArn}: ${reason}`);
  }
}
