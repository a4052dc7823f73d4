import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { findFreePort } from '#local-cloud/free-port';
import { endLeftoverProcesses } from '#local-cloud/leftover-processes';
import { commandLine, isAlive } from '#local-cloud/process-inspection';
import { readProcessRegistry, writeProcessRegistry } from '#local-cloud/process-registry';
import { eventually } from '#test/support/eventually';
import { inheritedEnvironment } from '#test/support/inherited-environment';

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function startAndWaitForTheEnd(environment: Record<string, string>): Promise<Ended> {
  const child = spawn(process.execPath, ['bin/local.ts'], {
    env: { ...inheritedEnvironment(), ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (output.stdout += String(chunk)));
  child.stderr.on('data', (chunk) => (output.stderr += String(chunk)));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...output };
}

describe('the local run', () => {
  let dataDir: string;
  let server: Server;
  let others: ChildProcess[];

  beforeEach(() => {
    dataDir = mkdtempSync(path.join(tmpdir(), 'charge-once-data-'));
    server = createServer();
    others = [];
  });

  afterEach(() => {
    server.close();
    for (const other of others) other.kill('SIGKILL');
    rmSync(dataDir, { recursive: true, force: true });
  });

  /** A process that does nothing, with a command line of our choice. */
  async function idleProcess(...extraArguments: string[]): Promise<number> {
    const script = 'console.log(1); setInterval(() => {}, 1000)';
    const child = spawn(process.execPath, ['-e', script, ...extraArguments], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    others.push(child);
    await once(child.stdout, 'data');
    return child.pid ?? 0;
  }

  it('names every variable that is wrong, without its value, and does not start', async () => {
    const { code, stdout, stderr } = await startAndWaitForTheEnd({
      PORT: 'http',
      LEASE_MS: '-1',
      AWS_ENDPOINT_URL_DYNAMODB: 'not a url',
      DATABASE_URLS: 'mysql://user:secret@127.0.0.1/x',
      CONSUMERS: 'maybe',
    });

    expect(code).toBe(1);
    for (const name of ['PORT', 'LEASE_MS', 'AWS_ENDPOINT_URL_DYNAMODB', 'DATABASE_URLS', 'CONSUMERS']) {
      expect(stderr).toContain(`  ${name}`);
    }
    expect(stderr).not.toContain('secret');
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(stdout).toBe('');
  });

  it('does not share its port with somebody who listens there already', async () => {
    server.listen({ host: '127.0.0.1', port: 0, reusePort: true });
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;

    const { code, stdout, stderr } = await startAndWaitForTheEnd({
      PORT: String(port),
      DATA_DIR: dataDir,
    });

    expect(code).toBe(1);
    expect(stderr).toContain(`PORT: ${port} is taken`);
    expect(stdout).not.toMatch(/^ready/m);
  });

  it('does not use a data folder that another local run uses', async () => {
    const launcherPid = await idleProcess('bin/local.ts');
    writeProcessRegistry(dataDir, { launcherPid, parts: {}, ports: {} });

    const { code, stderr } = await startAndWaitForTheEnd({
      PORT: String(await findFreePort()),
      DATA_DIR: dataDir,
    });

    expect(code).toBe(1);
    expect(stderr).toContain(`${dataDir} is in use by the local run with process id ${launcherPid}`);
    expect(readProcessRegistry(dataDir)?.launcherPid).toBe(launcherPid);
  });

  it('ends what a killed run left in its folder, and nothing that only has the same process id', async () => {
    const [leftover, stranger] = [
      await idleProcess('of', 'ours'),
      await idleProcess('of', 'somebody', 'else'),
    ];
    const abandonSignal = 'SIGKILL' as const;
    writeProcessRegistry(dataDir, {
      launcherPid: 2 ** 22 + 1,
      parts: {
        dynamodb: { pid: leftover, commandLine: commandLine(leftover), abandonSignal },
        queues: { pid: stranger, commandLine: commandLine(leftover), abandonSignal },
      },
      ports: {},
    });

    expect(await endLeftoverProcesses(dataDir)).toEqual(['dynamodb']);

    await eventually('the end of the leftover', () => !isAlive(leftover));
    expect(isAlive(stranger)).toBe(true);
  });
});
