import type { RequestHandler } from 'express';

import { readRawForm, type BodyLimits } from './read-json-body.ts';
import { answerEvent, type WebhookDependencies } from './receive-stripe-webhook.ts';
import { contextOf } from './request-context.ts';
import { sendJson } from './send-response.ts';

export const BRAINTREE_WEBHOOK_PATH = '/v1/webhooks/braintree';

/** `POST /v1/webhooks/braintree`. What is not answered with 2xx, Braintree sends again, every hour for a day. */
export function receiveBraintreeWebhook(
  dependencies: WebhookDependencies,
  limits: BodyLimits,
): RequestHandler {
  return async (req, res) => {
    const form = (await readRawForm(req, limits)).toString('utf8');
    await answerEvent(dependencies, () => dependencies.braintreeWebhooks.parse(form), contextOf(res));
    sendJson(req, res, 200, { received: true });
  };
}
