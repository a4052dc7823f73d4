import { ExportResultCode } from '@opentelemetry/core';

import { NO_TRACING } from '#gateway/platform/no-tracing';
import { OtelTracing } from '#gateway/platform/otel-tracing';
import type { Tracing } from '#gateway/platform/tracing';
import type { SpanNode } from '#local-cloud/trace-tree';

import { quantile } from './quantile.ts';

const ROUNDS = 15;
const CHARGES_A_ROUND = 1_000;

/** CPU ms a charge that its spans take by themselves, medians of rounds in which the variants take turns. */
export interface CostOfSpans {
  readonly spans: number;
  readonly off: number;
  readonly onePercent: number;
  readonly all: number;
}

/**
 * Makes the spans of a charge again and again in this process, with nothing else between them. What is sampled is not sent,
 * so that what a collector in this process takes is not counted; each span is asked once where it stands, as log lines and
 * checkpoints do.
 *
 * @param roots of one charge's trace, as a collector has received it
 */
export async function costOfSpans(roots: readonly SpanNode[]): Promise<CostOfSpans> {
  const variants = { off: NO_TRACING, onePercent: sampledAt(0.01), all: sampledAt(1) };
  const cpuMs = { off: [] as number[], onePercent: [] as number[], all: [] as number[] };
  // The first round is the compiler's.
  for (let round = -1; round < ROUNDS; round += 1) {
    for (const name of ['off', 'onePercent', 'all'] as const) {
      const before = process.cpuUsage();
      for (let charge = 0; charge < CHARGES_A_ROUND; charge += 1) await replayAll(variants[name], roots);
      const { user, system } = process.cpuUsage(before);
      if (round >= 0) cpuMs[name].push((user + system) / 1_000 / CHARGES_A_ROUND);
    }
  }
  await Promise.all([variants.onePercent.close(), variants.all.close()]);
  return {
    spans: roots.reduce((sum, root) => sum + spansUnder(root), 0),
    ...{
      off: quantile(cpuMs.off, 0.5),
      onePercent: quantile(cpuMs.onePercent, 0.5),
      all: quantile(cpuMs.all, 0.5),
    },
  };
}

function sampledAt(sampleRatio: number): OtelTracing {
  return new OtelTracing({
    ...{ service: 'benchmark', region: 'us-east-1', task: 'benchmark', endpoint: 'http://127.0.0.1' },
    sampleRatio,
    exporter: {
      export: (_spans, done) => done({ code: ExportResultCode.SUCCESS }),
      shutdown: () => Promise.resolve(),
    },
  });
}

async function replayAll(tracing: Tracing, nodes: readonly SpanNode[]): Promise<void> {
  for (const { name, attributes, children } of nodes) {
    await tracing.span(name, { kind: 'internal' }, async (span) => {
      tracing.current();
      await replayAll(tracing, children);
      span.set(attributes);
    });
  }
}

function spansUnder({ children }: SpanNode): number {
  return children.reduce((sum, child) => sum + spansUnder(child), 1);
}
