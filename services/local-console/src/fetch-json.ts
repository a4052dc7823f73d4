import type { z } from 'zod';

const TIMEOUT_MS = 3_000;

/**
 * Asks a part of the local run.
 *
 * @throws TypeError, DOMException where it does not answer, ZodError where it answers something else
 */
export async function fetchJson<Schema extends z.ZodType>(
  schema: Schema,
  url: string,
  request: RequestInit = {},
): Promise<z.infer<Schema>> {
  const response = await fetch(url, { ...request, signal: AbortSignal.timeout(TIMEOUT_MS) });
  return schema.parse(await response.json());
}
