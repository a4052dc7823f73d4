import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Guardian } from '#local-cloud/guardian';
import { isAlive } from '#local-cloud/process-inspection';
import { ProcessGroup } from '#local-cloud/process-group';
import { signalProcess } from '#local-cloud/signal-process';
import type { ProcessDefinition, ProcessListener } from '#local-cloud/supervised-process';
import { eventually } from '#test/support/eventually';

function program(source: string, overrides: Partial<ProcessDefinition> = {}): ProcessDefinition {
  return {
    name: 'program',
    command: process.execPath,
    arguments: ['-e', source],
    environment: { PATH: process.env.PATH },
    isReadyLine: (line) => line === 'ready',
    readyWithinMs: 10_000,
    stopSignal: 'SIGTERM',
    stopWithinMs: 10_000,
    abandonSignal: 'SIGKILL',
    ...overrides,
  };
}

const SAYS_READY = `console.log('ready'); setInterval(() => {}, 1000);`;

describe('a supervised process', () => {
  let guardian: Guardian;
  let group: ProcessGroup;
  let restarts: string[];
  let losses: string[];

  beforeEach(() => {
    restarts = [];
    losses = [];
    guardian = new Guardian();
    guardian.start();
    const listener: ProcessListener = {
      spawned: ({ name, pid }, predecessor) => {
        if (predecessor) restarts.push(`${name} ${predecessor.pid} ${predecessor.ending} ${pid ?? 0}`);
      },
      printed: () => undefined,
      lost: ({ name }, reason) => losses.push(`${name}: ${reason}`),
    };
    group = new ProcessGroup({ guardian, listener, restart: true });
  });

  afterEach(async () => {
    await group.stop();
    await guardian.dismiss();
  });

  const pid = (): number => group.processes[0]?.pid ?? 0;

  it('is started again when it is killed, and the death and the new process id are told', async () => {
    await group.start(program(SAYS_READY));
    const firstPid = pid();

    signalProcess(firstPid, 'SIGKILL');
    await eventually('the restart', () => restarts.length === 1);

    expect(restarts).toEqual([`program ${firstPid} SIGKILL ${pid()}`]);
    expect(isAlive(pid())).toBe(true);
  });

  it('fails to start with the end of its output', async () => {
    const start = group.start(program(`console.error('no such table'); process.exit(3);`));

    await expect(start).rejects.toThrow(/program ended with code 3 before it was ready[^]*no such table/);
  });

  it('fails to start when it is not ready in time, and does not run on', async () => {
    const silent = program(`setInterval(() => {}, 1000);`, { readyWithinMs: 200 });

    await expect(group.start(silent)).rejects.toThrow('was not ready within 200 ms');
    expect(group.processes[0]?.pid).toBeUndefined();
  });

  it('is given up when it cannot be started again', async () => {
    let starts = 0;
    await group.start(
      program(SAYS_READY, {
        beforeStart: () => {
          starts += 1;
          return starts === 1 ? Promise.resolve() : Promise.reject(new Error('the disk is full'));
        },
      }),
    );

    signalProcess(pid(), 'SIGKILL');
    await eventually('the loss', () => losses.length > 0);

    expect(losses).toEqual(['program: the disk is full']);
    expect(starts).toBe(6);
  });

  it('is killed when it does not stop within its time', async () => {
    const stubborn = `process.on('SIGTERM', () => {}); ${SAYS_READY}`;
    await group.start(program(stubborn, { stopWithinMs: 200 }));
    const stubbornPid = pid();

    await group.stop();

    expect(isAlive(stubbornPid)).toBe(false);
    expect(restarts).toEqual([]);
  });

  it('is not started any more once its group is being stopped', async () => {
    await group.stop();

    await expect(group.start(program(SAYS_READY))).rejects.toThrow('everything is being stopped');
  });
});

describe('a program that a group runs to its end', () => {
  let guardian: Guardian;
  let group: ProcessGroup;

  beforeEach(() => {
    guardian = new Guardian();
    guardian.start();
    const listener = { spawned: () => undefined, printed: () => undefined, lost: () => undefined };
    group = new ProcessGroup({ guardian, listener, restart: true });
  });

  afterEach(async () => {
    await group.stop();
    await guardian.dismiss();
  });

  const errand = (source: string) => ({
    name: 'errand',
    command: process.execPath,
    arguments: ['-e', source],
    environment: { PATH: process.env.PATH },
    workingDirectory: process.cwd(),
    endsWithinMs: 10_000,
  });

  it('has failed, with what it wrote to its standard error, when it ends with another code than 0', async () => {
    await group.run(errand(''));
    await expect(group.run(errand(`console.error('no such stack'); process.exit(3);`))).rejects.toThrow(
      'errand failed: no such stack',
    );
  });

  it('ends with its group, which starts no other', async () => {
    const running = group.run(errand('setInterval(() => {}, 1000);'));
    const ended = expect(running).rejects.toThrow('errand failed');
    await group.stop();
    await ended;
    await expect(group.run(errand(''))).rejects.toThrow('everything is being stopped');
  });

  it('is given up when it takes too long', async () => {
    const slow = { ...errand('setInterval(() => {}, 1000);'), endsWithinMs: 200 };
    await expect(group.run(slow)).rejects.toThrow('errand failed');
  });
});
