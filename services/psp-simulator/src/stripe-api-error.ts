/** The `error` member of Stripe's error answers. */
export interface StripeErrorBody {
  readonly type: 'api_error' | 'card_error' | 'idempotency_error' | 'invalid_request_error';
  readonly message: string;
  readonly code?: string;
  readonly decline_code?: string;
  readonly param?: string;
  readonly charge?: string;
  readonly payment_intent?: object;
  readonly payment_method?: object;
}

/** A request that ends with one of Stripe's error answers. */
export class StripeApiError extends Error {
  override readonly name = 'StripeApiError';
  readonly status: number;
  readonly body: StripeErrorBody;
  /** The `Stripe-Should-Retry` header, where Stripe sends one. */
  readonly shouldRetry: boolean | undefined;
  /**
   * Whether the endpoint had begun to execute. Stripe saves an answer under its idempotency key only then, so that a
   * request that failed its validation can be corrected and sent again under the same key.
   */
  readonly executed: boolean;

  constructor(
    status: number,
    body: StripeErrorBody,
    options: { shouldRetry?: boolean; executed?: boolean } = {},
  ) {
    super(body.message);
    this.status = status;
    this.body = body;
    this.shouldRetry = options.shouldRetry;
    this.executed = options.executed ?? false;
  }
}

/** A parameter that does not pass validation: 400, nothing is saved. */
export function invalidParameter(param: string, message: string, code?: string): StripeApiError {
  const body = { type: 'invalid_request_error', message, param } as const;
  return new StripeApiError(400, code === undefined ? body : { ...body, code });
}

/** An object that a parameter or the path names and that does not exist. */
export function resourceMissing(status: 400 | 404, kind: string, id: string, param: string): StripeApiError {
  return new StripeApiError(status, {
    type: 'invalid_request_error',
    code: 'resource_missing',
    message: `No such ${kind}: '${id}'`,
    param,
  });
}

/** A request that the state of its object forbids; executed, so that the answer is saved. */
export function wrongState(
  code: string,
  message: string,
  details: Partial<StripeErrorBody> = {},
): StripeApiError {
  return new StripeApiError(
    400,
    { type: 'invalid_request_error', code, message, ...details },
    { executed: true },
  );
}
