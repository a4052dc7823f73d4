import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Polls until `probe` gives something other than undefined or false, and returns it.
 *
 * @throws Error after `withinMs`
 */
export async function eventually<T>(
  what: string,
  probe: () => T | Promise<T>,
  withinMs = 30_000,
): Promise<NonNullable<T>> {
  const deadlineMs = performance.now() + withinMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== null && found !== false) return found;
    if (performance.now() > deadlineMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await sleep(10);
  }
}
