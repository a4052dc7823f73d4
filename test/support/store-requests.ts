import type { SagaHarness } from './saga-harness.ts';

/** A request to a store, as it was on the wire. */
export interface StoreRequest {
  /** The SDK's command, or the first word of the statement. */
  readonly what: string;
  /** Milliseconds on the monotonic clock. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** Items or rows that it set out to write. */
  readonly writes: number;
  /** Rows that it did write; 0 for what only DynamoDB knows. */
  readonly rowsWritten: number;
}

const DYNAMODB_WRITES = new Set(['PutItemCommand', 'UpdateItemCommand', 'DeleteItemCommand']);

/** Keeps every request that the stores of a harness get from here on. */
export function recordStoreRequests(harness: SagaHarness): StoreRequest[] {
  const requests: StoreRequest[] = [];
  harness.tables.client.middlewareStack.add(
    (next, context) => async (args) => {
      const startedAt = performance.now();
      const what = context.commandName ?? '';
      try {
        return await next(args);
      } finally {
        const { TransactItems } = args.input as { TransactItems?: unknown[] };
        const writes = TransactItems?.length ?? (DYNAMODB_WRITES.has(what) ? 1 : 0);
        requests.push({ what, startedAt, endedAt: performance.now(), writes, rowsWritten: 0 });
      }
    },
    { step: 'initialize', name: 'recordStoreRequests' },
  );
  harness.onStatement = (text, startedAt, rowCount) => {
    const what = /\w+/.exec(text)?.[0]?.toLowerCase() ?? '';
    // TAKE_OVER returns the row that it saw also where it takes nothing.
    const isWrite = ['insert', 'update', 'delete'].includes(what);
    const rowsWritten = isWrite ? rowCount : 0;
    requests.push({ what, startedAt, endedAt: performance.now(), writes: isWrite ? 1 : 0, rowsWritten });
  };
  return requests;
}
