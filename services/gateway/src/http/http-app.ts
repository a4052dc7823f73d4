import express, { type Express, type RequestHandler } from 'express';

import { PROBLEM_PAGE } from '#contract/problem-types';

import type { ChargeGate } from '../idempotency/charge-gate.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Clock } from '../platform/clock.ts';
import type { Random } from '../platform/random.ts';
import type { Tracing } from '../platform/tracing.ts';
import type { Readiness } from '../platform/readiness.ts';
import type { TenantDirectory } from '../tenants/tenant.ts';
import { answerErrors, refuseMethod, refusePath } from './answer-errors.ts';
import { CHARGES_PATH, createCharge } from './create-charge.ts';
import { getCharge } from './get-charge.ts';
import { identifyRequest } from './identify-request.ts';
import { limitConcurrency } from './limit-concurrency.ts';
import { logRequests } from './log-requests.ts';
import { openApiDocument } from './openapi-document.ts';
import { fieldProblem, ProblemError } from './problem.ts';
import { problemPage } from './problem-page.ts';
import type { BodyLimits } from './read-json-body.ts';
import { BRAINTREE_WEBHOOK_PATH, receiveBraintreeWebhook } from './receive-braintree-webhook.ts';
import {
  receiveStripeWebhook,
  STRIPE_WEBHOOK_PATH,
  type WebhookDependencies,
} from './receive-stripe-webhook.ts';
import { sendJson, sendText } from './send-response.ts';
import { traceRequests } from './trace-requests.ts';

export interface HttpAppDependencies extends WebhookDependencies {
  readonly gate: ChargeGate;
  readonly ledger: Ledger;
  readonly tenants: TenantDirectory;
  readonly readiness: Readiness;
  readonly clock: Clock;
  readonly random: Random;
  /** Absent: requests are not traced. */
  readonly tracing?: Tracing;
}

export interface HttpAppLimits {
  /** Requests served at a time; beyond it, 503. Health checks do not count. */
  readonly maximumConcurrentRequests: number;
  readonly maximumBodyBytes: number;
  /** For a body to arrive. */
  readonly bodyTimeoutMs: number;
  /** Webhooks served at a time, of those above: a PSP that catches up leaves room for charges. */
  readonly maximumConcurrentWebhooks: number;
  readonly maximumWebhookBytes: number;
}

const DEFAULT_LIMITS: HttpAppLimits = {
  maximumConcurrentRequests: 2_048,
  maximumBodyBytes: 65_536,
  bodyTimeoutMs: 10_000,
  maximumConcurrentWebhooks: 128,
  maximumWebhookBytes: 262_144,
};

/** The API over HTTP: routes and middleware, which translate HTTP to calls and decide nothing about a charge. */
export function createHttpApp(
  dependencies: HttpAppDependencies,
  limits: Partial<HttpAppLimits> = {},
): Express {
  const all = { ...DEFAULT_LIMITS, ...limits };
  const { maximumConcurrentRequests, maximumBodyBytes, bodyTimeoutMs } = all;
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('case sensitive routing');

  app.use(identifyRequest(dependencies.random));
  if (dependencies.tracing !== undefined) app.use(traceRequests(dependencies.tracing));
  app.use(logRequests(dependencies.logger, dependencies.clock));
  addHealthRoutes(app, dependencies);
  app.use(requireHost);
  app.use(limitConcurrency(maximumConcurrentRequests, dependencies.metrics));
  addChargeRoutes(app, dependencies, { maximumBytes: maximumBodyBytes, timeoutMs: bodyTimeoutMs });
  addWebhookRoutes(app, dependencies, all);
  addDocumentRoutes(app);
  app.use(refusePath);
  app.use(answerErrors(dependencies.logger));
  return app;
}

function addHealthRoutes(app: Express, { readiness }: HttpAppDependencies): void {
  app
    .route('/livez')
    .get((req, res) => sendJson(req, res, 200, { status: 'alive' }))
    .all(refuseMethod('GET, HEAD'));
  app
    .route('/readyz')
    .get((req, res) => {
      if (!readiness.isReady()) {
        throw new ProblemError('temporarily-unavailable', {
          detail: 'This task does not take new charges now.',
          retryAfterSeconds: 5,
        });
      }
      sendJson(req, res, 200, { status: 'ready' });
    })
    .all(refuseMethod('GET, HEAD'));
}

function addChargeRoutes(app: Express, dependencies: HttpAppDependencies, bodyLimits: BodyLimits): void {
  app.route(CHARGES_PATH).post(createCharge(dependencies, bodyLimits)).all(refuseMethod('POST'));
  app.route(`${CHARGES_PATH}/:id`).get(getCharge(dependencies)).all(refuseMethod('GET, HEAD'));
}

/** Authenticated by what the PSP signs, not by an API key. */
function addWebhookRoutes(app: Express, dependencies: HttpAppDependencies, limits: HttpAppLimits): void {
  const bodyLimits = { maximumBytes: limits.maximumWebhookBytes, timeoutMs: limits.bodyTimeoutMs };
  const bounded = limitConcurrency(limits.maximumConcurrentWebhooks, dependencies.metrics);
  app
    .route(STRIPE_WEBHOOK_PATH)
    .post(bounded, receiveStripeWebhook(dependencies, bodyLimits))
    .all(refuseMethod('POST'));
  app
    .route(BRAINTREE_WEBHOOK_PATH)
    .post(bounded, receiveBraintreeWebhook(dependencies, bodyLimits))
    .all(refuseMethod('POST'));
}

function addDocumentRoutes(app: Express): void {
  const openApi = JSON.stringify(openApiDocument());
  const page = problemPage();
  app
    .route('/openapi.json')
    .get((req, res) => sendText(req, res, 200, 'application/json', openApi))
    .all(refuseMethod('GET, HEAD'));
  app
    .route(PROBLEM_PAGE)
    .get((req, res) => {
      res.setHeader('Content-Security-Policy', "default-src 'none'");
      sendText(req, res, 200, 'text/html; charset=utf-8', page);
    })
    .all(refuseMethod('GET, HEAD'));
}

/** RFC 9112, section 3.2. Node would refuse it as well, but with an answer that is not ours. */
const requireHost: RequestHandler = (req, _res, next) => {
  if (req.httpVersion === '1.1' && req.headers.host === undefined) {
    throw fieldProblem('invalid-request', [{ field: 'Host', message: 'is required' }]);
  }
  next();
};
