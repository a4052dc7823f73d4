/** What a failed DynamoDB request says of itself. */
export interface DynamoFailure {
  /** `no`: it certainly was not applied. `unknown`: it may have been, the answer is what was lost. */
  readonly applied: 'no' | 'unknown';
  /** Whether the same request may succeed a moment later. */
  readonly retryable: boolean;
}

const REFUSED_FOR_NOW = new Set([
  'LimitExceededException',
  'ProvisionedThroughputExceededException',
  'ReplicatedWriteConflictException',
  'RequestLimitExceeded',
  'ThrottlingException',
  'TransactionConflictException',
]);

/** Codes of a transaction's cancellation reasons that pass by themselves. */
const CANCELLED_FOR_NOW = new Set([
  'ProvisionedThroughputExceeded',
  'ThrottlingError',
  'TransactionConflict',
]);

/** Another attempt of the same transaction still runs: it is what may have been applied. */
const STILL_RUNNING = 'TransactionInProgressException';

interface SdkError {
  readonly name?: unknown;
  readonly message?: unknown;
  /** Of a Node.js system error: the call that failed. */
  readonly syscall?: unknown;
  readonly $fault?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: unknown };
}

/**
 * Sorts the failure of a request that is not a failed condition. In doubt the answer is `unknown` and worth a repeat:
 * every request of ours is safe to repeat, and an outcome that is wrongly called `no` could be promised to a client.
 */
export function dynamoFailureOf(error: unknown): DynamoFailure {
  if (typeof error !== 'object' || error === null) return { applied: 'unknown', retryable: true };
  const failure = error as SdkError;
  if (wasNeverSent(failure)) return { applied: 'no', retryable: true };
  if (typeof failure.name === 'string' && REFUSED_FOR_NOW.has(failure.name)) {
    return { applied: 'no', retryable: true };
  }
  if (failure.name === STILL_RUNNING) return { applied: 'unknown', retryable: true };
  const status = failure.$metadata?.httpStatusCode;
  if (failure.$fault === 'client' && status === 400) return { applied: 'no', retryable: false };
  return { applied: 'unknown', retryable: true };
}

/** Whether a cancelled transaction is worth a repeat: some part met another transaction, or a throttle. */
export function isCancelledForNow(codes: readonly (string | undefined)[]): boolean {
  return codes.some((code) => code !== undefined && CANCELLED_FOR_NOW.has(code));
}

/**
 * What a failure to get a connection says. Node.js begins the message of a system error with the call that failed; the
 * SDK keeps no more than the message of an error that comes from another JavaScript realm (the tests run in one).
 */
const NO_CONNECTION = /(?:^|: )(?:connect|getaddrinfo) E[A-Z_]+\b|did not establish a connection/;

function wasNeverSent({ name, message, syscall }: SdkError): boolean {
  if (syscall === 'connect' || syscall === 'getaddrinfo' || name === 'CredentialsProviderError') return true;
  // Should the wording change, the failure counts as unknown.
  return typeof message === 'string' && NO_CONNECTION.test(message);
}
