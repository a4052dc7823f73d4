import type { Tracing } from './tracing.ts';

/**
 * A port whose asynchronous methods named in `operations` are each a span of the current trace. Everything else goes
 * to the port itself. Of what a method answers, only its `kind` is told.
 */
export function tracedPort<Port extends object>(
  port: Port,
  name: string,
  operations: readonly (keyof Port & string)[],
  tracing: Tracing,
): Port {
  return new Proxy(port, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function') return value;
      const method = value.bind(target) as (...values: unknown[]) => unknown;
      const operation = operations.find((candidate) => candidate === property);
      if (operation === undefined) return method;
      const attributes = { 'store.name': name, 'store.operation': operation };
      return (...values: unknown[]) =>
        tracing.span(`${name}.${operation}`, { kind: 'client', attributes }, async (span) => {
          const result = await method(...values);
          const kind = kindOf(result);
          if (kind !== undefined) span.set({ 'store.result': kind });
          return result;
        });
    },
  });
}

function kindOf(result: unknown): string | undefined {
  if (typeof result !== 'object' || result === null || !('kind' in result)) return undefined;
  return typeof result.kind === 'string' ? result.kind : undefined;
}
