import { z } from 'zod';
import { createDocument, type oas31, type ZodOpenApiOperationObject } from 'zod-openapi';

import { PROBLEM_PAGE } from '#contract/problem-types';

import { chargeRequestSchema } from './charge-request-schema.ts';
import {
  chargeResponse,
  EXAMPLE_CHARGE_ID,
  fieldProblemResponse,
  notChargedResponse,
  plainResponse,
  problemResponse,
  processingResponse,
  settledResponse,
  unauthorizedResponse,
} from './openapi-responses.ts';
import { BRAINTREE_WEBHOOK_PATH } from './receive-braintree-webhook.ts';
import { STRIPE_WEBHOOK_PATH } from './receive-stripe-webhook.ts';

const EXAMPLE_KEY = '8e03978e-40d5-43e8-bc93-6894a57f9324';

const exampleRequest = {
  amount: 1999,
  currency: 'usd',
  payment_method: 'pm_card_visa',
  reference: 'order-6735',
  metadata: { order_id: '6735' },
};

/** The description of the API, made from the schemas that validate it. */
export function openApiDocument(): oas31.OpenAPIObject {
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'charge-once',
      version: '1.0.0',
      description: `Charges a card exactly once. Every error is a problem (RFC 9457), explained at ${PROBLEM_PAGE}.`,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ apiKey: [] }],
    tags: [{ name: 'Charges' }, { name: 'Webhooks' }, { name: 'Health' }, { name: 'Documentation' }],
    paths: {
      '/v1/charges': { post: createChargeOperation() },
      '/v1/charges/{id}': { get: getChargeOperation() },
      [STRIPE_WEBHOOK_PATH]: { post: stripeWebhookOperation() },
      [BRAINTREE_WEBHOOK_PATH]: { post: braintreeWebhookOperation() },
      '/livez': { get: healthOperation('isAlive', 'Liveness; depends on nothing', 'alive') },
      '/readyz': {
        get: healthOperation('isReady', 'Readiness to take new charges', 'ready', {
          503: problemResponse('temporarily-unavailable'),
        }),
      },
      '/openapi.json': { get: documentOperation('getOpenApi', 'This document', 'application/json') },
      [PROBLEM_PAGE]: { get: documentOperation('getProblems', 'What each problem means', 'text/html') },
    },
    components: {
      securitySchemes: {
        apiKey: { type: 'http', scheme: 'bearer', description: 'The API key of your tenant.' },
      },
    },
  });
}

function createChargeOperation(): ZodOpenApiOperationObject {
  return {
    operationId: 'createCharge',
    summary: 'Charge a card once',
    description:
      'However often it is asked with the same key and body, the card is charged at most once, and every terminal answer is the same.',
    tags: ['Charges'],
    requestParams: {
      header: z.object({
        'Idempotency-Key': z.string().meta({
          description: 'A V4 UUID, bare or in double quotes; letter case does not matter.',
          examples: [EXAMPLE_KEY],
        }),
        'X-Request-Id': z.string().max(128).optional().meta({ description: 'Your own id of this request.' }),
      }),
    },
    requestBody: {
      required: true,
      description: 'At most 64 KiB.',
      content: {
        'application/json': {
          schema: chargeRequestSchema,
          examples: { charge: { summary: 'A charge of 19.99 USD', value: exampleRequest } },
        },
      },
    },
    responses: {
      201: settledResponse(),
      202: processingResponse(),
      402: notChargedResponse(),
      400: fieldProblemResponse(
        ['invalid-request', 'idempotency-key-missing', 'idempotency-key-invalid'],
        [{ field: 'amount', message: 'must be at least 1' }],
      ),
      401: unauthorizedResponse(),
      408: problemResponse('request-timeout'),
      409: problemResponse('idempotency-key-in-flight'),
      413: problemResponse('body-too-large'),
      415: problemResponse('unsupported-media-type'),
      422: problemResponse('idempotency-key-reused'),
      500: problemResponse('internal-error'),
      503: problemResponse('temporarily-unavailable'),
      504: problemResponse('outcome-unknown'),
    },
  };
}

function getChargeOperation(): ZodOpenApiOperationObject {
  return {
    operationId: 'getCharge',
    summary: 'The charge as it is now, with its timeline',
    tags: ['Charges'],
    requestParams: { path: z.object({ id: z.string().meta({ examples: [EXAMPLE_CHARGE_ID] }) }) },
    responses: {
      200: chargeResponse(),
      400: fieldProblemResponse(['invalid-request'], [{ field: 'Host', message: 'is required' }]),
      401: unauthorizedResponse(),
      404: problemResponse('not-found'),
      500: problemResponse('internal-error'),
      503: problemResponse('temporarily-unavailable'),
    },
  };
}

function stripeWebhookOperation(): ZodOpenApiOperationObject {
  return {
    operationId: 'receiveStripeWebhook',
    summary: 'An event of Stripe',
    description:
      'For Stripe alone, which signs the bytes of the body. An event asks for the resolution of its charge, and decides nothing.',
    tags: ['Webhooks'],
    security: [],
    requestParams: {
      header: z.object({ 'Stripe-Signature': z.string().meta({ description: "As Stripe's webhooks say." }) }),
    },
    requestBody: {
      required: true,
      description: 'An event, of 256 KiB at most.',
      content: { 'application/json': { schema: { type: 'object' } } },
    },
    responses: webhookResponses(),
  };
}

function braintreeWebhookOperation(): ZodOpenApiOperationObject {
  return {
    operationId: 'receiveBraintreeWebhook',
    summary: 'A notification of Braintree',
    description:
      'For Braintree alone, which signs the payload. A notification asks for the resolution of its charge, and decides nothing.',
    tags: ['Webhooks'],
    security: [],
    requestBody: {
      required: true,
      description: 'A signature and a payload, of 256 KiB at most.',
      content: {
        'application/x-www-form-urlencoded': {
          schema: z.object({ bt_signature: z.string(), bt_payload: z.string() }),
        },
      },
    },
    responses: webhookResponses(),
  };
}

function webhookResponses(): ZodOpenApiOperationObject['responses'] {
  return {
    200: plainResponse(
      'Handled, or dropped as a repeat.',
      'application/json',
      z.strictObject({ received: z.literal(true) }),
    ),
    400: fieldProblemResponse(
      ['invalid-request', 'webhook-signature-invalid'],
      [{ field: 'body', message: 'is not an event of the PSP' }],
    ),
    408: problemResponse('request-timeout'),
    413: problemResponse('body-too-large'),
    415: problemResponse('unsupported-media-type'),
    500: problemResponse('internal-error'),
    503: problemResponse('temporarily-unavailable'),
  };
}

function healthOperation(
  operationId: string,
  summary: string,
  status: string,
  otherResponses: ZodOpenApiOperationObject['responses'] = {},
): ZodOpenApiOperationObject {
  return {
    operationId,
    summary,
    tags: ['Health'],
    security: [],
    responses: {
      200: plainResponse('Yes.', 'application/json', z.strictObject({ status: z.literal(status) })),
      ...otherResponses,
    },
  };
}

function documentOperation(
  operationId: string,
  summary: string,
  contentType: 'application/json' | 'text/html',
): ZodOpenApiOperationObject {
  const schema: oas31.SchemaObject = { type: contentType === 'text/html' ? 'string' : 'object' };
  return {
    operationId,
    summary,
    tags: ['Documentation'],
    security: [],
    responses: {
      200: plainResponse('The document.', contentType, schema),
    },
  };
}
