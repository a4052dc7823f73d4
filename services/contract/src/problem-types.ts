/**
 * Every problem that the API answers with (RFC 9457): the catalogue that the responses, the OpenAPI document and the
 * published page of errors are made of. A slug is the fragment of its `type`, and a heading of that page.
 */
export const PROBLEM_PAGE = '/docs/errors';

export const PROBLEMS = {
  // The texts of `declined` and `voided` are part of stored answers: changing them changes only answers yet to be given.
  declined: {
    status: 402,
    title: 'The card was declined',
    meaning:
      'The payment service provider declined the charge; `decline_code` is its reason. Nothing was taken. The answer is final for this idempotency key: ask with a new key to try again.',
  },
  voided: {
    status: 402,
    title: 'The charge was voided',
    meaning:
      'The charge could not be settled and whatever the payment service provider had taken was given back; `void_reason` says why. The answer is final for this idempotency key: ask with a new key to try again.',
  },
  'invalid-request': {
    status: 400,
    title: 'The request is not valid',
    meaning:
      'A field of the body, or the whole body, is not as the API describes it. `errors` names each field. Nothing was written.',
  },
  'idempotency-key-missing': {
    status: 400,
    title: 'The Idempotency-Key header is missing',
    meaning: 'A charge needs an `Idempotency-Key` header with a V4 UUID. Nothing was written.',
  },
  'idempotency-key-invalid': {
    status: 400,
    title: 'The Idempotency-Key header is not a V4 UUID',
    meaning:
      'The `Idempotency-Key` header must hold one V4 UUID, bare or as a quoted structured-field string. Nothing was written.',
  },
  'webhook-signature-invalid': {
    status: 400,
    title: 'The webhook is not signed as it should be',
    meaning:
      "The signature is missing, is not of a secret that is valid now, or is older than 300 seconds. Nothing was read of the event. Sign the exact bytes of the body with the endpoint's secret.",
  },
  unauthorized: {
    status: 401,
    title: 'The API key is missing or not valid',
    meaning: 'Send `Authorization: Bearer <api key>` with a live key of your tenant.',
  },
  'not-found': {
    status: 404,
    title: 'There is no such resource',
    meaning: 'The path is unknown, or the charge does not exist for this tenant.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'The method is not allowed here',
    meaning: 'The `Allow` header lists the methods of this path.',
  },
  'request-timeout': {
    status: 408,
    title: 'The request did not arrive in time',
    meaning: 'The body was not received within the time limit. Nothing was written.',
  },
  'idempotency-key-in-flight': {
    status: 409,
    title: 'A request with this idempotency key is still in flight',
    meaning:
      'Another request with the same key is running and did not end while this one waited. Ask again with the same key after `Retry-After` seconds; the charge is made once.',
  },
  'body-too-large': {
    status: 413,
    title: 'The body is too large',
    meaning: 'A body may hold 64 KiB at most, and that of a webhook 256 KiB. Nothing was written.',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'The body is of another media type',
    meaning:
      'Send `Content-Type: application/json`; to the webhook of Braintree `application/x-www-form-urlencoded`. Nothing was written.',
  },
  'idempotency-key-reused': {
    status: 422,
    title: 'The idempotency key was used with another payload',
    meaning:
      'The key belongs to a charge with another payload, whatever became of that one. Use a new key for a new payment, or the same payload to get the answer of the first.',
  },
  'internal-error': {
    status: 500,
    title: 'An internal error occurred',
    meaning:
      'A defect of the service. It is not known what became of the request: ask again with the same key, the charge is made once.',
  },
  'temporarily-unavailable': {
    status: 503,
    title: 'The request was refused for now',
    meaning:
      'The payment service provider, a store or this task cannot take a charge now, or your account at the provider is not set up here; `detail` says which. Nothing was written: nothing was charged, and nothing will be unless you ask again, with the same key, after `Retry-After` seconds.',
  },
  'outcome-unknown': {
    status: 504,
    title: 'It is not known whether the charge was accepted',
    meaning:
      'A store did not answer. Ask again with the same key after `Retry-After` seconds: you get the outcome, and the charge is made once.',
  },
} as const satisfies Record<string, { status: number; title: string; meaning: string }>;

export type ProblemSlug = keyof typeof PROBLEMS;

/** The `type` of a problem: a reference to its heading, relative to the API's own origin. */
export function problemType(slug: ProblemSlug): string {
  return `${PROBLEM_PAGE}#${slug}`;
}
