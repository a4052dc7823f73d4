import { fileURLToPath } from 'node:url';
import type { ProcessDefinition } from './supervised-process.ts';

/** The EventBridge endpoint with the rules of the local resources. */
export function eventBus(options: {
  name: string;
  port: number;
  sqsEndpoint: string;
  region: string;
}): ProcessDefinition {
  const script = fileURLToPath(new URL('event-bus-process.ts', import.meta.url));
  return {
    name: options.name,
    command: process.execPath,
    arguments: [
      script,
      ...['--port', String(options.port)],
      ...['--sqs-endpoint', options.sqsEndpoint],
      ...['--region', options.region],
    ],
    environment: { PATH: process.env.PATH },
    isReadyLine: (line) => line.startsWith('listening '),
    readyWithinMs: 20_000,
    stopSignal: 'SIGTERM',
    stopWithinMs: 5_000,
    abandonSignal: 'SIGKILL',
  };
}
