import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

import { describe, expect, it } from '@jest/globals';

import { capacityArguments } from '../../lib/capacity/capacity-arguments.ts';
import { capacityTarget, type CapacityTarget } from '../../lib/capacity/capacity-target.ts';
import type { Figure } from '../../lib/capacity/figure.ts';
import { planCapacity } from '../../lib/capacity/plan-capacity.ts';
import { prodStage } from '../../lib/config/stages.ts';

const run = promisify(execFile);

const STAGE = prodStage({
  account: undefined,
  domainName: 'example.com',
  hostedZoneId: 'Z00000000000EXAMPLE',
  hostedZoneName: 'example.com',
  alarmEmail: undefined,
});

function target(change: Partial<CapacityTarget> = {}): CapacityTarget {
  return {
    chargesPerSecond: 50_000,
    chargesPerTaskPerSecond: 500,
    chargesPerShardPerSecond: 6_250,
    stage: {
      shardCount: 8,
      gateway: { ...STAGE.gateway, cpuUnits: 4_096, memoryMiB: 8_192, minimumTasks: 100, maximumTasks: 150 },
      keyStore: { ...STAGE.keyStore, instanceType: 'r8g.4xlarge', readersPerShard: 1, ioOptimized: true },
      warmThroughput: { readUnitsPerSecond: 50_000, writeUnitsPerSecond: 250_000 },
    },
    ...change,
  };
}

function figures(of = target()): Map<string, Figure> {
  return new Map(
    planCapacity(of).sections.flatMap((section) => section.figures.map((figure) => [figure.name, figure])),
  );
}

/** Amounts by the names of their figures, as far as the expectation names them. */
function amounts(of: CapacityTarget, names: readonly string[]): Record<string, number | undefined> {
  const found = figures(of);
  return Object.fromEntries(names.map((name) => [name, found.get(name)?.amount]));
}

function expectAmounts(of: CapacityTarget, expected: Record<string, number>): void {
  expect(amounts(of, Object.keys(expected))).toEqual(expected);
}

describe('the capacity for 50,000 charges a second', () => {
  it('gives each region the tasks to carry all of them', () => {
    expectAmounts(target(), {
      'Charges of a region while both are up': 25_000,
      'Tasks a region needs to carry all': 100,
      'vCPUs of a region': 400,
    });
  });

  it('spreads two statements a charge over the shards', () => {
    expectAmounts(target(), { 'Shards of the key store': 8, 'Statements on each writer': 12_500 });
  });

  it('counts a write in a transaction twice', () => {
    expectAmounts(target(), {
      'Write units of the checkpoints': 250_000,
      'Write units of the ledger': 150_000,
      'Read units of the checkpoints': 50_000,
    });
  });

  it('gives the stream a shard for each thousand write units of the ledger', () => {
    expectAmounts(target(), {
      'Records of the ledger stream': 100_000,
      'Shards of the ledger stream, and archivers at a time': 150,
    });
  });

  it('delivers each event to each of three consumers', () => {
    expectAmounts(target(), {
      'Events published': 50_000,
      'PutEvents requests, at least': 5_000,
      'Invocations of rules': 150_000,
      'Messages on each consumer queue': 50_000,
      'Requests to SQS': 180_000,
    });
  });

  it('takes the largest of what the load balancer is charged for', () => {
    expectAmounts(target(), { 'Capacity units of the load balancer': 360 });
  });

  it('asks for every quota that is too small, with a quarter to spare', () => {
    const [raised] = planCapacity(target()).sections.filter(({ title }) =>
      title.startsWith('Quotas to raise'),
    );
    expect(raised?.figures.map(({ name, amount }) => [name, amount])).toEqual([
      ['DynamoDB, write units of the checkpoints', 312_500],
      ['DynamoDB, write units of the ledger', 187_500],
      ['DynamoDB, read units of the checkpoints', 62_500],
      ['Fargate, On-Demand vCPUs', 500],
      ['EventBridge, PutEvents', 62_500],
      ['EventBridge, invocations', 187_500],
      ['ALB, reserved capacity units', 450],
    ]);
  });

  it('stands in docs/deploy.md with the quotas that it computes', () => {
    const deploy = readFileSync(new URL('../../docs/deploy.md', import.meta.url), 'utf8');
    const [raised] = planCapacity(target()).sections.filter(({ title }) =>
      title.startsWith('Quotas to raise'),
    );
    for (const { name, amount, unit } of raised?.figures ?? []) {
      expect(deploy).toContain(`| ${name} | ${amount.toLocaleString('en-US')} ${unit} |`);
    }
  });

  it('prices a million charges as the sum of its parts', () => {
    const section = planCapacity(target()).sections.at(-1)?.figures ?? [];
    const parts = section.slice(0, -1).reduce((sum, { amount }) => sum + amount, 0);
    expect(section.at(-1)).toMatchObject({ name: 'Total', amount: parts });
    expect(parts).toBeCloseTo(13.84, 2);
    const priced = figures();
    expect(priced.get('DynamoDB, writes')?.amount).toBeCloseTo(10, 10);
    expect(priced.get('SQS')?.amount).toBeCloseTo(1.44, 10);
    expect(priced.get('Fargate')?.amount).toBeCloseTo((200 * (4 * 0.03238 + 8 * 0.00356)) / 180, 10);
    expect(priced.get('Aurora')?.amount).toBeCloseTo((32 * 2.208 * 1.3) / 180, 10);
  });

  it('tells every figure a formula and a source', () => {
    for (const { formula, source } of figures().values()) {
      expect(formula).not.toBe('');
      expect(source).not.toBe('');
    }
  });
});

describe('the capacity for other targets', () => {
  it('rounds tasks up, and shards up to an even number', () => {
    expectAmounts(target({ chargesPerSecond: 501 }), {
      'Tasks a region needs to carry all': 2,
      'Shards of the key store': 2,
    });
    expectAmounts(target({ chargesPerSecond: 12_501 }), { 'Shards of the key store': 4 });
  });

  it('never needs fewer tasks than may let all charges in', () => {
    expectAmounts(target({ chargesPerTaskPerSecond: 5_000 }), { 'Tasks a region needs to carry all': 98 });
  });

  it('asks for no more than a small load needs', () => {
    const small = planCapacity(target({ chargesPerSecond: 10 })).sections;
    const names = small
      .find(({ title }) => title.startsWith('Quotas to raise'))
      ?.figures.map(({ name }) => name);
    expect(names).toEqual(['ALB, reserved capacity units']);
  });

  it('says where the stage does not carry the target', () => {
    expect(planCapacity(target()).shortfalls).toEqual([]);
    const { shortfalls } = planCapacity(target({ chargesPerSecond: 100_000 }));
    expect(shortfalls).toEqual([
      'shardCount is 8, and 16 are needed',
      'gateway.maximumTasks is 150, and a region that carries all needs 200',
      expect.stringContaining('gateway.minimumTasks is 100'),
      expect.stringContaining('warmThroughput.writeUnitsPerSecond is 250,000'),
    ]);
  });

  it('does not guess the price of an instance type', () => {
    const { stage } = target();
    const unknown = target({ stage: { ...stage, keyStore: { ...stage.keyStore, instanceType: 'x9.huge' } } });
    expect(() => planCapacity(unknown)).toThrow('x9.huge');
  });
});

describe('the arguments of the capacity command', () => {
  it('leave to the stage and the assumptions what they do not say', () => {
    const args = capacityArguments(['--rate', '50000']);
    expect(capacityTarget(args, target().stage)).toEqual(target());
    expect(capacityArguments(['--rate=1', '--charges-per-task=2', '--charges-per-shard=3'])).toEqual({
      chargesPerSecond: 1,
      chargesPerTaskPerSecond: 2,
      chargesPerShardPerSecond: 3,
    });
  });

  it.each([
    [[], '--rate is missing'],
    [['--rate'], '--rate'],
    [['--rate', 'fast'], '--rate must be a number'],
    [['--rate', '0'], '--rate must be a number'],
    [['--rate=-1'], '--rate must be a number'],
    [['--rate', 'Infinity'], '--rate must be a number'],
    [['--rate', ''], '--rate must be a number'],
    [['--rate', '5', '--charges-per-task', '0'], '--charges-per-task must be a number'],
    [['--rate', '5', '--charges-per-shard', 'x'], '--charges-per-shard must be a number'],
    [['--speed', '5'], '--speed'],
  ])('%j are refused with the name of the flag', (args, message) => {
    expect(() => capacityArguments(args)).toThrow(message);
  });
});

describe('the capacity command', () => {
  it('prints the plan', async () => {
    const { stdout } = await run(process.execPath, ['bin/capacity.ts', '--rate', '50000']);
    expect(stdout).toContain('Capacity for 50,000 charges a second over two regions');
    expect(stdout).toMatch(
      /100 {2}tasks {2}Tasks a region needs to carry all\n\s+= the larger of 50,000 \/ 500 a task/,
    );
    expect(stdout).toContain('Not included');
  });

  it('says what is wrong with an argument on standard error, and ends with 2', async () => {
    await expect(run(process.execPath, ['bin/capacity.ts', '--rate', 'fast'])).rejects.toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^capacity: --rate must be a number.*"fast"\nusage: npm run capacity/),
    });
  });
});
