import {
  ConditionalCheckFailedException,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  TransactionCanceledException,
  TransactWriteItemsCommand,
  UpdateItemCommand,
  type AttributeValue,
  type DynamoDBClient,
  type GetItemCommandInput,
  type Put,
  type QueryCommandInput,
  type TransactWriteItem,
  type Update,
} from '@aws-sdk/client-dynamodb';

import type { Clock } from './clock.ts';
import { dynamoFailureOf, isCancelledForNow } from './dynamo-failure.ts';
import type { Random } from './random.ts';
import { StoreUnavailableError } from './store-unavailable-error.ts';

export type DynamoItem = Readonly<Record<string, AttributeValue>>;

/** What became of a conditional write; a failed condition is an answer, not an error. */
export type ConditionalWriteResult =
  /** `item`: as it stands now; of an update only. */
  | { readonly kind: 'written'; readonly item: DynamoItem | undefined }
  /** `standing`: the item that failed the condition; undefined where there is none. */
  | { readonly kind: 'refused'; readonly standing: DynamoItem | undefined };

export type TransactionResult =
  | { readonly kind: 'written' }
  /** Nothing was written; one part for each write, in their order. */
  | { readonly kind: 'refused'; readonly parts: readonly TransactionPart[] };

export interface TransactionPart {
  readonly refused: boolean;
  readonly standing: DynamoItem | undefined;
}

/** How often, and for how long, a request is repeated. */
export interface DynamoRetryPolicy {
  readonly maximumAttempts: number;
  /** Full jitter: a pause is anything up to `baseDelayMs` doubled for each repeat, and up to `maximumDelayMs`. */
  readonly baseDelayMs: number;
  readonly maximumDelayMs: number;
  /** No attempt starts later than this after the first. */
  readonly budgetMs: number;
}

export const DYNAMO_RETRY_POLICY: DynamoRetryPolicy = {
  maximumAttempts: 5,
  baseDelayMs: 25,
  maximumDelayMs: 400,
  budgetMs: 4_000,
};

export interface DynamoRequestsOptions {
  /** Its own retries must be off (`maxAttempts: 1`): a repeat that nobody sees hides that an answer was lost. */
  readonly client: DynamoDBClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly retryPolicy?: DynamoRetryPolicy;
}

/**
 * DynamoDB as the adapters use it: bounded repeats with full jitter, failed conditions as values that bring the item
 * along, and an account of whether a write that failed may have been applied all the same.
 *
 * A write is a value, and its answer is read apart from its sending: writes of different charges can be sent together
 * in one `BatchExecuteStatement` here, unseen by the adapters.
 */
export class DynamoRequests {
  private readonly client: DynamoDBClient;
  private readonly clock: Clock;
  private readonly random: Random;
  private readonly policy: DynamoRetryPolicy;

  constructor(options: DynamoRequestsOptions) {
    this.client = options.client;
    this.clock = options.clock;
    this.random = options.random;
    this.policy = options.retryPolicy ?? DYNAMO_RETRY_POLICY;
  }

  /** @throws StoreUnavailableError */
  async get(store: string, input: GetItemCommandInput): Promise<DynamoItem | undefined> {
    const output = await this.repeatRead(store, () => this.client.send(new GetItemCommand(input)));
    return output.Item;
  }

  /**
   * All pages of a query.
   *
   * @throws StoreUnavailableError
   */
  async query(store: string, input: QueryCommandInput): Promise<readonly DynamoItem[]> {
    const items: DynamoItem[] = [];
    let startKey: Record<string, AttributeValue> | undefined;
    do {
      const page: QueryCommandInput =
        startKey === undefined ? input : { ...input, ExclusiveStartKey: startKey };
      const output = await this.repeatRead(store, () => this.client.send(new QueryCommand(page)));
      items.push(...(output.Items ?? []));
      startKey = output.LastEvaluatedKey;
    } while (startKey !== undefined);
    return items;
  }

  /** @throws StoreUnavailableError */
  async put(store: string, write: Put): Promise<ConditionalWriteResult> {
    const command = { ...write, ReturnValuesOnConditionCheckFailure: 'ALL_OLD' as const };
    return this.repeat<ConditionalWriteResult>(store, async () => {
      await this.client.send(new PutItemCommand(command));
      return { kind: 'written', item: undefined };
    }).catch(conditionRefused);
  }

  /** @throws StoreUnavailableError */
  async update(store: string, write: Update): Promise<ConditionalWriteResult> {
    const command = {
      ...write,
      ReturnValues: 'ALL_NEW' as const,
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD' as const,
    };
    return this.repeat<ConditionalWriteResult>(store, async () => {
      const output = await this.client.send(new UpdateItemCommand(command));
      return { kind: 'written', item: output.Attributes };
    }).catch(conditionRefused);
  }

  /**
   * All of the writes or none.
   *
   * @throws StoreUnavailableError
   */
  async transact(
    store: string,
    writes: readonly ({ Put: Put } | { Update: Update })[],
  ): Promise<TransactionResult> {
    const items = writes.map(withStandingItem);
    return this.repeat<TransactionResult>(store, async () => {
      // The SDK gives each attempt a client request token of its own: a repeat is judged by the conditions, which
      // tell our own earlier effect from that of somebody newer, and a token would not.
      await this.client.send(new TransactWriteItemsCommand({ TransactItems: items }));
      return { kind: 'written' };
    }).catch(transactionRefused);
  }

  private async repeatRead<T>(store: string, send: () => Promise<T>): Promise<T> {
    try {
      return await this.repeat(store, send);
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      throw new StoreUnavailableError(store, 'no', { cause: error.cause });
    }
  }

  /** Sends until there is an answer: a result, or the exception of a failed condition. */
  private async repeat<T>(store: string, send: () => Promise<T>): Promise<T> {
    const startedMs = this.clock.monotonicMs();
    let applied: 'no' | 'unknown' = 'no';
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await send();
      } catch (error) {
        if (isFailedCondition(error)) throw error;
        const failure = failureOf(error);
        if (failure.applied === 'unknown') applied = 'unknown';
        const elapsedMs = this.clock.monotonicMs() - startedMs;
        const delayMs = this.delayMs(attempt);
        const spent = attempt >= this.policy.maximumAttempts || elapsedMs + delayMs > this.policy.budgetMs;
        if (!failure.retryable || spent) throw new StoreUnavailableError(store, applied, { cause: error });
        await this.clock.sleep(delayMs);
      }
    }
  }

  private delayMs(attempt: number): number {
    const { baseDelayMs, maximumDelayMs } = this.policy;
    return this.random.next() * Math.min(maximumDelayMs, baseDelayMs * 2 ** (attempt - 1));
  }
}

function withStandingItem(write: { Put: Put } | { Update: Update }): TransactWriteItem {
  const wanted = { ReturnValuesOnConditionCheckFailure: 'ALL_OLD' as const };
  return 'Put' in write ? { Put: { ...write.Put, ...wanted } } : { Update: { ...write.Update, ...wanted } };
}

function cancellationCodes(error: TransactionCanceledException): readonly (string | undefined)[] {
  return (error.CancellationReasons ?? []).map((reason) => reason.Code);
}

function isFailedCondition(error: unknown): boolean {
  if (error instanceof ConditionalCheckFailedException) return true;
  if (!(error instanceof TransactionCanceledException)) return false;
  const codes = cancellationCodes(error);
  // Where one part met another transaction, the verdict on the rest is half the truth: ask again.
  return codes.includes('ConditionalCheckFailed') && !isCancelledForNow(codes);
}

function failureOf(error: unknown): { applied: 'no' | 'unknown'; retryable: boolean } {
  if (error instanceof TransactionCanceledException) {
    return { applied: 'no', retryable: isCancelledForNow(cancellationCodes(error)) };
  }
  return dynamoFailureOf(error);
}

function conditionRefused(error: unknown): ConditionalWriteResult {
  if (error instanceof ConditionalCheckFailedException) return { kind: 'refused', standing: error.Item };
  throw error;
}

function transactionRefused(error: unknown): TransactionResult {
  if (!(error instanceof TransactionCanceledException)) throw error;
  const parts = (error.CancellationReasons ?? []).map((reason) => ({
    refused: reason.Code === 'ConditionalCheckFailed',
    standing: reason.Item,
  }));
  return { kind: 'refused', parts };
}
