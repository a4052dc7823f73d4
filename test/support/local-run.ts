import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';

import { readEndpoints, type Endpoints } from '#local-cloud/endpoints-file';
import { findFreePort } from '#local-cloud/free-port';

import { inheritedEnvironment } from './inherited-environment.ts';

/** `npm start`, as a person runs it, in a folder of a test's own. */
export interface LocalRun {
  readonly url: string;
  readonly port: number;
  /** The line that starts with `ready`. */
  readonly readyLine: string;
  readonly startedInMs: number;
  readonly lines: readonly string[];
  endpoints(): Endpoints;
  /** Ctrl-C; resolves with the exit code. */
  stop(): Promise<number>;
  /** `kill -9` of every process of the run at once. */
  killEverything(): Promise<void>;
}

export async function startLocalRun(options: {
  readonly dataDir: string;
  readonly port?: number;
  readonly environment?: Readonly<Record<string, string>>;
}): Promise<LocalRun> {
  const port = options.port ?? (await findFreePort());
  const startedAt = performance.now();
  const child = spawn(process.execPath, ['bin/local.ts'], {
    env: {
      ...{ ...inheritedEnvironment(), DATA_DIR: options.dataDir, PORT: String(port) },
      // One process less to wait for, where no test looks at it.
      CONSOLE: 'off',
      ...options.environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  const ready = readyLineOf(child, lines);
  const readyLine = await ready;
  const endpoints = (): Endpoints => {
    const found = readEndpoints(options.dataDir);
    if (found === undefined) throw new Error('the local run has left no endpoints');
    return found;
  };
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    readyLine,
    startedInMs: performance.now() - startedAt,
    lines,
    endpoints,
    stop: async () => {
      child.kill('SIGINT');
      await ended(child);
      return child.exitCode ?? -1;
    },
    killEverything: async () => {
      const { pids } = endpoints();
      for (const pid of [child.pid, ...Object.values(pids)]) kill(pid);
      await ended(child);
    },
  };
}

function readyLineOf(child: ChildProcess, lines: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) => {
        lines.push(line);
        if (line.startsWith('ready')) resolve(line);
      });
    }
    child.once('exit', (code) => {
      reject(new Error(`the local run ended with ${String(code)}:\n${lines.join('\n')}`));
    });
  });
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

function kill(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It was dead already.
  }
}

const AWS = { region: 'us-east-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } };

export function dynamodbOf({ dynamodbEndpoint }: Endpoints): DynamoDBClient {
  return new DynamoDBClient({ ...AWS, endpoint: dynamodbEndpoint });
}

export function sqsOf({ sqsEndpoint }: Endpoints): SQSClient {
  return new SQSClient({ ...AWS, endpoint: sqsEndpoint, useQueueUrlAsEndpoint: false });
}
