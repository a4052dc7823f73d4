import type { RequestHandler } from 'express';

import { METRICS } from '#contract/metrics';

import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import { StoreUnavailableError } from '../platform/store-unavailable-error.ts';
import type { BraintreeWebhookParser } from '../webhooks/braintree-webhook-parser.ts';
import type { PspEvent } from '../webhooks/psp-event.ts';
import type { StripeWebhookParser } from '../webhooks/stripe-webhook-parser.ts';
import type { WebhookHandler } from '../webhooks/webhook-handler.ts';
import { WebhookRefusedError } from '../webhooks/webhook-refused-error.ts';
import { fieldProblem, ProblemError } from './problem.ts';
import { readRawJson, type BodyLimits } from './read-json-body.ts';
import { contextOf } from './request-context.ts';
import { sendJson } from './send-response.ts';

export const STRIPE_WEBHOOK_PATH = '/v1/webhooks/stripe';

export interface WebhookDependencies {
  readonly stripeWebhooks: StripeWebhookParser;
  readonly braintreeWebhooks: BraintreeWebhookParser;
  readonly webhookHandler: WebhookHandler;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** `POST /v1/webhooks/stripe`. What is not answered with 2xx, Stripe sends again for three days. */
export function receiveStripeWebhook(dependencies: WebhookDependencies, limits: BodyLimits): RequestHandler {
  return async (req, res) => {
    const rawBody = await readRawJson(req, limits);
    const signature = req.headers['stripe-signature'];
    const header = typeof signature === 'string' ? signature : undefined;
    await answerEvent(dependencies, () => dependencies.stripeWebhooks.parse(rawBody, header), contextOf(res));
    sendJson(req, res, 200, { received: true });
  };
}

/**
 * Has an event handled whose PSP waits for no more than that it was taken.
 *
 * @throws ProblemError
 */
export async function answerEvent(
  { webhookHandler, logger, metrics }: WebhookDependencies,
  parse: () => Promise<PspEvent>,
  context: { readonly requestId: string; chargeId: string | undefined },
): Promise<void> {
  try {
    const event = await parse();
    context.chargeId = event.subject?.chargeId;
    const outcome = await webhookHandler.handle(event);
    logger.info({ eventId: event.id, type: event.type, outcome }, 'webhook');
  } catch (error) {
    throw problemOf(error, metrics, logger, context.requestId);
  }
}

function problemOf(error: unknown, metrics: Metrics, logger: Logger, requestId: string): unknown {
  if (error instanceof WebhookRefusedError) {
    metrics.count(METRICS.webhooksRejected);
    logger.warn({ requestId, reason: error.reason, problem: error.message }, 'a webhook was refused');
    return error.reason === 'signature'
      ? fieldProblem('webhook-signature-invalid', [
          { field: 'signature', message: 'is not that of this body' },
        ])
      : fieldProblem('invalid-request', [{ field: 'body', message: 'is not an event of the PSP' }]);
  }
  if (error instanceof StoreUnavailableError) {
    logger.warn({ requestId, store: error.store, err: error }, 'a store is not available');
    return new ProblemError('temporarily-unavailable', {
      detail: 'A store did not answer, and the event may not have been handled: send it again.',
      retryAfterSeconds: 2,
    });
  }
  return error;
}
