import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it } from '@jest/globals';
import { isAlive } from '#local-cloud/process-inspection';
import { signalProcess } from '#local-cloud/signal-process';
import { eventually } from '#test/support/eventually';

interface Launched {
  readonly launcher: ChildProcess;
  readonly folder: string;
  readonly partPid: number;
  readonly guardianPid: number;
}

async function launch(): Promise<Launched> {
  const folder = mkdtempSync(path.join(tmpdir(), 'charge-once-guarded-'));
  const launcher = spawn(process.execPath, ['test/local-cloud/launcher-to-be-killed.ts', folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: launcher.stdout }), 'line')) as [string];
  return { launcher, folder, ...(JSON.parse(line) as { partPid: number; guardianPid: number }) };
}

describe('the guardian', () => {
  it('ends the parts and removes the temporary folder of a launcher that was killed, then itself', async () => {
    const { launcher, folder, partPid, guardianPid } = await launch();

    launcher.kill('SIGKILL');

    await eventually('the end of the part', () => !isAlive(partPid));
    await eventually('the end of the folder', () => !existsSync(folder));
    await eventually('the end of the guardian', () => !isAlive(guardianPid));
  });

  it('is replaced when it is killed, and its successor guards the same parts', async () => {
    const { launcher, folder, partPid, guardianPid } = await launch();

    signalProcess(guardianPid, 'SIGKILL');
    await eventually('the end of the guardian', () => !isAlive(guardianPid));
    expect(isAlive(partPid)).toBe(true);
    // The successor is a child of the launcher by the time that the launcher has taken notice of the death.
    await eventually('a successor', async () => {
      const { stdout } = spawn('ps', ['-A', '-o', 'ppid=,args=']);
      let text = '';
      for await (const chunk of stdout) text += String(chunk);
      const children = text.split('\n').filter((line) => line.trim().startsWith(`${launcher.pid ?? 0} `));
      return children.some((line) => line.includes('guardian-process.ts'));
    });
    launcher.kill('SIGKILL');

    await eventually('the end of the part', () => !isAlive(partPid));
    await eventually('the end of the folder', () => !existsSync(folder));
  });
});
