import type { Span, Tracing } from './tracing.ts';

const SPAN: Span = { set: () => undefined, keep: () => undefined };

/** Traces nothing: for the simulator, and where a task is told of no collector. */
export const NO_TRACING: Tracing = {
  span: (_name, _options, work) => work(SPAN),
  current: () => undefined,
};
