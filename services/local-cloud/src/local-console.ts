import { fileURLToPath } from 'node:url';
import type { ProcessDefinition } from './supervised-process.ts';

/** Where the console is, and what opens it. */
export interface LocalConsole {
  readonly port: number;
  /** Of this start; without it the console shows and does nothing. */
  readonly token: string;
}

/** The address to open. What is after `#` a browser keeps to itself. */
export function consoleUrl({ port, token }: LocalConsole): string {
  return `http://127.0.0.1:${port}/#${token}`;
}

/** @param dataDir the folder whose `endpoints.json` says where the parts are; it is there before the console starts */
export function localConsole(
  name: string,
  { port, token }: LocalConsole,
  dataDir: string,
): ProcessDefinition {
  return {
    name,
    command: process.execPath,
    arguments: [fileURLToPath(new URL('../../local-console/src/main.ts', import.meta.url))],
    environment: {
      PATH: process.env.PATH,
      NODE_ENV: 'development',
      CONSOLE_PORT: String(port),
      CONSOLE_TOKEN: token,
      DATA_DIR: dataDir,
    },
    isReadyLine: (line) => line.startsWith('listening '),
    readyWithinMs: 30_000,
    stopSignal: 'SIGTERM',
    stopWithinMs: 5_000,
    abandonSignal: 'SIGKILL',
  };
}
