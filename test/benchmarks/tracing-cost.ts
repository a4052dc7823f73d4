import { parseArgs } from 'node:util';

import { chargeIdOf } from '#gateway/idempotency/charge-key';
import { TraceReceiver } from '#local-cloud/trace-receiver';
import { traceTreeOf, type SpanNode } from '#local-cloud/trace-tree';

import { chargeBody, newKey } from '../support/api-client.ts';
import { eventually } from '../support/eventually.ts';
import { startStack, TENANT, type GatewayProcess, type Stack } from '../support/stack.ts';
import { costOfSpans } from './cost-of-spans.ts';
import { processCpuMs } from './process-cpu.ts';
import { quantile } from './quantile.ts';

/**
 * What tracing costs, in CPU a charge, in two ways. First as a whole: the gateway's process with tracing off and at two rates
 * of sampling. The tasks run at once over the same stores and take turns in each round, so that what else the machine does
 * falls on all of them; what is left of it is a few percent. Then by itself: the spans of one of these charges, made
 * again and again with nothing between them, which is exact, and leaves out what a context costs the code around it.
 */
const USAGE = 'usage: npm run bench:tracing -- [--rounds N] [--charges N]';

const VARIANTS = ['off', '0.01', '1'] as const;
type Variant = (typeof VARIANTS)[number];

const CONCURRENCY = 8;
/** What production has; tests have less, and charges on a busy machine would be postponed. */
const PATIENT = { LEASE_MS: '30000', PSP_TIMEOUT_MS: '8000' };

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
      charges: { type: 'string', default: '60' },
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
    await compare(stack, receiver, rounds, charges);
  } finally {
    await stack.stop();
    await receiver.stop();
  }
}

async function compare(
  stack: Stack,
  receiver: TraceReceiver,
  rounds: number,
  charges: number,
): Promise<void> {
  const tasks: Task[] = [];
  for (const variant of VARIANTS) tasks.push(await startTask(stack, receiver.url, variant));
  // Until the code is compiled and the connections stand.
  for (const { gateway } of tasks) await chargeMany(gateway, 2 * charges);
  let spoilt = 0;
  for (let round = 0; round < rounds; round += 1) {
    if (!(await isWholeRound(tasks, round, charges))) spoilt += 1;
    console.error(`round ${round + 1} of ${rounds}${spoilt === 0 ? '' : `, ${spoilt} left out`}`);
  }
  if (spoilt > rounds / 2) {
    throw new Error(
      `${spoilt} of ${rounds} rounds had charges that were not answered 201: the machine is too busy`,
    );
  }
  report(tasks, { rounds, spoilt, charges });
  const [off, , all] = tasks;
  if (off === undefined || all === undefined) throw new Error('there is a task for each variant');
  await reportSpansAlone(await tracedCharge(all.gateway, receiver), quantile(off.rounds, 0.5));
}

/** The trace of a new charge. */
async function tracedCharge(gateway: GatewayProcess, receiver: TraceReceiver): Promise<readonly SpanNode[]> {
  const idempotencyKey = newKey();
  const status = await charge(gateway, idempotencyKey);
  if (status !== 201) throw new Error(`the charge whose spans are wanted was answered ${status}`);
  const chargeId = chargeIdOf({ tenantId: TENANT.tenantId, idempotencyKey });
  const spans = await eventually('the whole trace of a charge arrives', () => {
    const found = receiver.spansOf(chargeId);
    // The root ends with the answer, the run of the charge with its event.
    const hasEnded = ['http.request', 'charge.run'].every((name) => found.some((span) => span.name === name));
    return hasEnded ? found : undefined;
  });
  return traceTreeOf(spans).roots;
}

/** A round with a charge that was postponed or refused compares unlike work, and counts for no task. */
async function isWholeRound(tasks: readonly Task[], round: number, charges: number): Promise<boolean> {
  const measured: { readonly task: Task; readonly cpuMs: number }[] = [];
  let others = 0;
  // Another one begins each time.
  for (let turn = 0; turn < tasks.length; turn += 1) {
    const task = tasks[(round + turn) % tasks.length];
    if (task === undefined) continue;
    const before = processCpuMs(task.gateway.pid);
    others += await chargeMany(task.gateway, charges);
    measured.push({ task, cpuMs: (processCpuMs(task.gateway.pid) - before) / charges });
  }
  if (others > 0) return false;
  for (const { task, cpuMs } of measured) task.rounds.push(cpuMs);
  return true;
}

async function startTask(stack: Stack, tracesUrl: string, variant: Variant): Promise<Task> {
  const tracing =
    variant === 'off' ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: tracesUrl, TRACE_SAMPLE_RATIO: variant };
  const gateway = await stack.startGateway({ environment: { ...PATIENT, LOG_LEVEL: 'info', ...tracing } });
  return { variant, gateway, rounds: [] };
}

/** @returns how many of them were answered anything but 201 */
async function chargeMany(gateway: GatewayProcess, charges: number): Promise<number> {
  let left = charges;
  let others = 0;
  const client = async () => {
    while (left > 0) {
      left -= 1;
      if ((await charge(gateway, newKey())) !== 201) others += 1;
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, client));
  return others;
}

async function charge(gateway: GatewayProcess, idempotencyKey: string): Promise<number> {
  const response = await fetch(`${gateway.url}/v1/charges`, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${TENANT.apiKey}`,
      'Content-Type': 'application/json',
      'Idempotency-Key': idempotencyKey,
    },
    body: JSON.stringify(chargeBody()),
  });
  await response.text();
  return response.status;
}

interface Amount {
  readonly rounds: number;
  readonly spoilt: number;
  /** In one round, of one task. */
  readonly charges: number;
}

function report(tasks: readonly Task[], { rounds, spoilt, charges }: Amount): void {
  const [off] = tasks;
  console.log(
    `${rounds - spoilt} rounds of ${charges} charges each (${spoilt} more left out: not every charge was answered 201)`,
  );
  console.log("CPU of the gateway's process");
  for (const { variant, rounds: cpuMs } of tasks) {
    const ratios = cpuMs.map((value, round) => value / (off?.rounds[round] ?? NaN));
    const [low, high] = [0.25, 0.75].map((share) => quantile(ratios, share).toFixed(3));
    const name = (variant === 'off' ? 'tracing off' : `sampled ${Number(variant) * 100} %`).padEnd(14);
    const perCharge = `median ${quantile(cpuMs, 0.5).toFixed(2)} ms a charge`;
    const whole = (sum(cpuMs) / sum(off?.rounds ?? [])).toFixed(3);
    console.log(`${name} ${perCharge}   ${whole} of off (middle half of the rounds: ${low} to ${high})`);
  }
}

async function reportSpansAlone(roots: readonly SpanNode[], offMs: number): Promise<void> {
  const { spans, off, onePercent, all } = await costOfSpans(roots);
  console.log(`CPU of the ${spans} spans of a charge by themselves, medians; what is sampled is not sent`);
  const line = (name: string, cpuMs: number): void => {
    const share = ((100 * (cpuMs - off)) / offMs).toFixed(1);
    console.log(
      `${name.padEnd(14)} ${cpuMs.toFixed(3)} ms a charge   ${share} % of a charge without tracing`,
    );
  };
  line('tracing off', off);
  line('sampled 1 %', onePercent);
  line('sampled 100 %', all);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
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
