import { fileURLToPath } from 'node:url';
import type { ProcessDefinition } from './supervised-process.ts';

/**
 * The bundled simulator of the payment service provider.
 *
 * @param options.environment its own settings, such as SLOW_MS
 * @param options.dataFile journal by which a restart remembers every charge; absent: in memory
 */
export function pspSimulator(options: {
  name: string;
  port: number;
  environment: Readonly<Record<string, string | undefined>>;
  dataFile?: string;
}): ProcessDefinition {
  return {
    name: options.name,
    command: process.execPath,
    arguments: [fileURLToPath(new URL('../../psp-simulator/src/main.ts', import.meta.url))],
    environment: {
      ...options.environment,
      PATH: process.env.PATH,
      HOST: '127.0.0.1',
      PORT: String(options.port),
      DATA_FILE: options.dataFile,
    },
    isReadyLine: (line) => line.startsWith('listening '),
    readyWithinMs: 20_000,
    stopSignal: 'SIGTERM',
    stopWithinMs: 5_000,
    abandonSignal: 'SIGKILL',
  };
}
