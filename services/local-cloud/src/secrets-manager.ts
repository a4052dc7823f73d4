import { fileURLToPath } from 'node:url';
import type { ProcessDefinition } from './supervised-process.ts';

/**
 * The Secrets Manager endpoint.
 *
 * @param options.dataFile where the secrets are kept, as plain text; absent: in memory
 */
export function secretsManager(options: {
  name: string;
  port: number;
  region: string;
  dataFile?: string;
}): ProcessDefinition {
  const script = fileURLToPath(new URL('secrets-manager-process.ts', import.meta.url));
  return {
    name: options.name,
    command: process.execPath,
    arguments: [
      script,
      ...['--port', String(options.port)],
      ...['--region', options.region],
      ...(options.dataFile === undefined ? [] : ['--data-file', options.dataFile]),
    ],
    environment: { PATH: process.env.PATH },
    isReadyLine: (line) => line.startsWith('listening '),
    readyWithinMs: 20_000,
    stopSignal: 'SIGTERM',
    stopWithinMs: 5_000,
    abandonSignal: 'SIGKILL',
  };
}
