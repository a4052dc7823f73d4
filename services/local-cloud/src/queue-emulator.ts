import { fileURLToPath } from 'node:url';
import type { ProcessDefinition } from './supervised-process.ts';

/**
 * SQS and S3 (fauxqs).
 *
 * @param options.dataDir keeps queues and objects in SQLite there; absent: in memory
 */
export function queueEmulator(options: { name: string; port: number; dataDir?: string }): ProcessDefinition {
  const script = fileURLToPath(new URL('queue-emulator-process.ts', import.meta.url));
  const storage = options.dataDir === undefined ? [] : ['--data-dir', options.dataDir];
  return {
    name: options.name,
    command: process.execPath,
    // It uses node:sqlite, which warns that it is experimental.
    arguments: ['--disable-warning=ExperimentalWarning', script, '--port', String(options.port), ...storage],
    environment: { PATH: process.env.PATH },
    isReadyLine: (line) => line.startsWith('listening '),
    readyWithinMs: 20_000,
    stopSignal: 'SIGTERM',
    stopWithinMs: 5_000,
    abandonSignal: 'SIGKILL',
  };
}
