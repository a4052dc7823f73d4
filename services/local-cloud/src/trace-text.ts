import type { SpanNode, TraceTree } from './trace-tree.ts';

const NAME_WIDTH = 40;
const TIME_WIDTH = 9;
/** Said once, above the trees. */
const LEFT_OUT = new Set(['charge.id', 'charge.tenant_id', 'saga.step', 'store.name', 'store.operation']);

/** Traces for a person to read: a line a span, indented under the one that it is part of. */
export function traceText(trees: readonly TraceTree[]): string {
  return trees.map((tree) => treeLines(tree).join('\n')).join('\n\n') + '\n';
}

function treeLines({ traceId, startEpochMs, durationMs, roots }: TraceTree): string[] {
  const began = new Date(startEpochMs).toISOString();
  return [
    `trace ${traceId}  began ${began}  took ${durationMs.toFixed(1)} ms`,
    `${'span'.padEnd(NAME_WIDTH)} ${'at ms'.padStart(TIME_WIDTH)} ${'took ms'.padStart(TIME_WIDTH)}`,
    ...roots.flatMap((root) => spanLines(root, 0, undefined)),
  ];
}

function spanLines(span: SpanNode, depth: number, parentTask: string | undefined): string[] {
  const name = `${'  '.repeat(depth)}${span.name}`.padEnd(NAME_WIDTH);
  const times = [span.startMs, span.durationMs].map((value) => value.toFixed(1).padStart(TIME_WIDTH));
  const facts = [
    ...(span.failed ? ['FAILED'] : []),
    ...Object.entries(span.attributes)
      .filter(([key]) => !LEFT_OUT.has(key))
      .map(([key, value]) => `${key}=${value}`),
    ...span.links.map((traceId) => `about trace ${traceId}`),
    ...(span.task === parentTask ? [] : [`task ${span.task}`]),
  ];
  return [
    [name, ...times, ' ' + facts.join(' ')].join(' ').trimEnd(),
    ...span.children.flatMap((child) => spanLines(child, depth + 1, span.task)),
  ];
}
