import type { Parameters } from './parameter-reader.ts';
import type { Changes } from './payment-records.ts';
import type { SimulatedAccount } from './simulated-account.ts';

/** A call as an endpoint sees it: authenticated, and under this idempotency key for the first time. */
export interface EndpointCall {
  readonly account: SimulatedAccount;
  readonly parameters: Parameters;
  /** The id in the path, where the path has one. */
  readonly pathId: string;
  /** Of a POST. */
  readonly idempotencyKey: string | undefined;
  /** How many calls of this kind arrived under the key before this one. */
  readonly earlierCalls: number;
}

/** What became of a call. */
export interface EndpointResult {
  readonly status: number;
  readonly body: object;
  /** Applied together with the saved answer. */
  readonly changes?: Changes;
  readonly shouldRetry?: boolean;
  /** What the client gets: the answer, a closed connection, nothing at all, or a proxy's error page. */
  readonly delivery?: 'answer' | 'reset' | 'hang' | 'proxy-error';
  /** False: the same key executes again. */
  readonly saved?: boolean;
}

/**
 * Validates and executes a call. State is read and changes are made up without a pause in between, so that no other
 * call comes between them.
 *
 * @throws StripeApiError
 */
export type Endpoint = (call: EndpointCall) => EndpointResult | Promise<EndpointResult>;

export function ok(body: object, changes?: Changes): EndpointResult {
  return changes === undefined ? { status: 200, body } : { status: 200, body, changes };
}
