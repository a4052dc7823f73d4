import { createRequire } from 'node:module';
import type { ProcessDefinition } from './supervised-process.ts';

/** The platform has no DynamoDB emulator. */
export class DynamodbEmulatorMissingError extends Error {
  override readonly name = 'DynamodbEmulatorMissingError';
}

function locateBinary(): string {
  const platformPackage = `@dynoxide/${process.platform}-${process.arch}`;
  try {
    return createRequire(import.meta.url).resolve(`${platformPackage}/dynoxide`);
  } catch (error) {
    throw new DynamodbEmulatorMissingError(
      `The embedded DynamoDB emulator is not installed for this platform (${platformPackage}). ` +
        'Run DynamoDB Local (for example `docker run -p 8000:8000 amazon/dynamodb-local`) ' +
        'and set AWS_ENDPOINT_URL_DYNAMODB to it, such as http://127.0.0.1:8000.',
      { cause: error },
    );
  }
}

/**
 * DynamoDB (dynoxide, one static binary over SQLite).
 *
 * @param options.databaseFile absent: in memory
 * @throws DynamodbEmulatorMissingError
 */
export function dynamodbEmulator(options: {
  name: string;
  port: number;
  databaseFile?: string;
}): ProcessDefinition {
  const storage = options.databaseFile === undefined ? [] : ['--db-path', options.databaseFile];
  return {
    name: options.name,
    command: locateBinary(),
    arguments: ['serve', '--host', '127.0.0.1', '--port', String(options.port), ...storage],
    environment: { PATH: process.env.PATH },
    isReadyLine: (line) => line.includes('listening on http'),
    readyWithinMs: 10_000,
    stopSignal: 'SIGTERM',
    stopWithinMs: 5_000,
    abandonSignal: 'SIGKILL',
  };
}
