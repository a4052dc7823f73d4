import { createServer } from 'node:net';
import { once } from 'node:events';

/**
 * Below the ephemeral ranges of Linux (32768 up) and macOS (49152 up), so that no outgoing connection takes the port
 * between the moment it was found free and the moment its server listens.
 */
const FIRST_PORT = 20_000;
const LAST_PORT = 29_999;
const ATTEMPTS = 100;

/** Whether nobody listens on the port of the loopback address, sharing (SO_REUSEPORT) listeners included. */
export async function isPortFree(port: number): Promise<boolean> {
  const server = createServer();
  server.listen({ host: '127.0.0.1', port, exclusive: true });
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}

/**
 * Picks a free port of the loopback address at random: two launchers that start at the same time rarely meet.
 *
 * @param preferred taken if it is free, so that a restart finds its addresses again
 */
export async function findFreePort(preferred?: number): Promise<number> {
  if (preferred !== undefined && (await isPortFree(preferred))) return preferred;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT + 1));
    if (await isPortFree(port)) return port;
  }
  throw new Error(`No free port between ${FIRST_PORT} and ${LAST_PORT} on 127.0.0.1`);
}
