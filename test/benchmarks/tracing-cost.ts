import { parseArgs } from 'node:util';

import { TraceReceiver } from '#local-cloud/trace-receiver';

import { chargeBody, newKey } from '../support/api-client.ts';
import { startStack, TENANT, type GatewayProcess, type Stack } from '../support/stack.ts';
import { processCpuMs } from './process-cpu.ts';

/**
 * What tracing costs: CPU of the gateway's process a charge, with tracing off and at two rates of sampling. The tasks run
 * at once over the same stores, take turns in each round, and are compared within it, so that what else the machine does
 * falls on all of them.
 */
const USAGE = 'usage: npm run bench:tracing -- [--rounds N] [--charges N]';

const VARIANTS = ['off', '0.01', '1'] as const;
type Variant = (typeof VARIANTS)[number];

const CONCURRENCY = 8;

interface Task {
  readonly variant: Variant;
  readonly gateway: GatewayProcess;
  /** CPU ms a charge, of each round. */
  readonly rounds: number[];
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '20' },
      charges: { type: 'string', default: '200' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const rounds = positiveInteger('rounds', values.rounds);
  const charges = positiveInteger('charges', values.charges);
  const [stack, receiver] = await Promise.all([startStack(), TraceReceiver.start(0)]);
  try {
    await compare(stack, receiver.url, rounds, charges);
  } finally {
    await stack.stop();
    await receiver.stop();
  }
}

async function compare(stack: Stack, tracesUrl: string, rounds: number, charges: number): Promise<void> {
  const tasks: Task[] = [];
  for (const variant of VARIANTS) tasks.push(await startTask(stack, tracesUrl, variant));
  // Until the code is compiled and the connections stand.
  for (const { gateway } of tasks) await chargeMany(gateway, 2 * charges);
  for (let round = 0; round < rounds; round += 1) {
    // Another one begins each time.
    for (let turn = 0; turn < tasks.length; turn += 1) {
      const task = tasks[(round + turn) % tasks.length];
      if (task !== undefined) await measure(task, charges);
    }
  }
  report(tasks, rounds, charges);
}

async function startTask(stack: Stack, tracesUrl: string, variant: Variant): Promise<Task> {
  const tracing =
    variant === 'off' ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: tracesUrl, TRACE_SAMPLE_RATIO: variant };
  const gateway = await stack.startGateway({ environment: { LOG_LEVEL: 'info', ...tracing } });
  return { variant, gateway, rounds: [] };
}

async function measure({ gateway, rounds }: Task, charges: number): Promise<void> {
  const before = processCpuMs(gateway.pid);
  await chargeMany(gateway, charges);
  rounds.push((processCpuMs(gateway.pid) - before) / charges);
}

async function chargeMany(gateway: GatewayProcess, charges: number): Promise<void> {
  let left = charges;
  const client = async () => {
    while (left > 0) {
      left -= 1;
      await charge(gateway);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, client));
}

async function charge(gateway: GatewayProcess): Promise<void> {
  const response = await fetch(`${gateway.url}/v1/charges`, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${TENANT.apiKey}`,
      'Content-Type': 'application/json',
      'Idempotency-Key': newKey(),
    },
    body: JSON.stringify(chargeBody()),
  });
  const text = await response.text();
  if (response.status !== 201) throw new Error(`a charge was answered ${response.status}: ${text}`);
}

function report(tasks: readonly Task[], rounds: number, charges: number): void {
  const [off] = tasks;
  console.log(`${rounds} rounds of ${charges} charges each; CPU of the gateway's process, medians`);
  for (const { variant, rounds: cpuMs } of tasks) {
    const ratios = cpuMs.map((value, round) => value / (off?.rounds[round] ?? NaN));
    const [low, middle, high] = [0.25, 0.5, 0.75].map((share) => quantile(ratios, share).toFixed(3));
    const name = (variant === 'off' ? 'tracing off' : `sampled ${Number(variant) * 100} %`).padEnd(14);
    const perCharge = `${quantile(cpuMs, 0.5).toFixed(2)} ms a charge`;
    console.log(`${name} ${perCharge}   ${middle} of off (middle half of the rounds: ${low} to ${high})`);
  }
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.floor(share * (sorted.length - 1))] ?? NaN;
}

/** @throws RangeError naming the option */
function positiveInteger(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new RangeError(`--${name}: ${text} is not a positive integer`);
  }
  return value;
}

await main();
