import { fileURLToPath } from 'node:url';
import type { ProcessDefinition } from './supervised-process.ts';

/**
 * The EventBridge endpoint.
 *
 * @param options.definitionFile the bus and its rules as JSON; read at every start
 */
export function eventBus(options: {
  name: string;
  port: number;
  definitionFile: string;
  sqsEndpoint: string;
  region: string;
}): ProcessDefinition {
  const script = fileURLToPath(new URL('event-bus-process.ts', import.meta.url));
  return {
    name: options.name,
    command: process.execPath,
    arguments: [
      script,
      ...['--definition', options.definitionFile],
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
