import type { Request, RequestHandler, Response } from 'express';

import type { ChargeGate, GateAnswer, RefusalReason } from '../idempotency/charge-gate.ts';
import { chargeIdOf, type ChargeKey } from '../idempotency/charge-key.ts';
import { fingerprintOf } from '../idempotency/fingerprint.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Clock } from '../platform/clock.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { AcceptedCharge } from '../saga/accepted-charge.ts';
import { processingView } from '../saga/charge-view.ts';
import { InvalidChargeError, validateCharge, type ChargeRequest } from '../saga/steps/validate-charge.ts';
import type { Tenant, TenantDirectory } from '../tenants/tenant.ts';
import { authenticate } from './authenticate.ts';
import { readIdempotencyKey } from './idempotency-key.ts';
import { measureAnswer } from './measure-answer.ts';
import { chargeRequestOf, parseChargeRequest } from './parse-charge-request.ts';
import { readJsonBody, type BodyLimits } from './read-json-body.ts';
import { contextOf } from './request-context.ts';
import { sendJson, sendProblem, sendText, setRetryAfter } from './send-response.ts';

export const CHARGES_PATH = '/v1/charges';

export interface CreateChargeDependencies {
  readonly gate: ChargeGate;
  readonly ledger: Ledger;
  readonly tenants: TenantDirectory;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** `POST /v1/charges`. Everything before the gate refuses without having written anything. */
export function createCharge(dependencies: CreateChargeDependencies, bodyLimits: BodyLimits): RequestHandler {
  return async (req, res) => {
    const { clock, gate, metrics } = dependencies;
    const startedMs = clock.monotonicMs();
    const context = contextOf(res);
    context.asksForCharge = true;
    const tenant = await authenticate(req, res, dependencies.tenants);
    const key: ChargeKey = { tenantId: tenant.tenantId, idempotencyKey: readIdempotencyKey(req) };
    res.setHeader('Idempotency-Key', key.idempotencyKey);
    context.chargeId = chargeIdOf(key);

    // How long a client takes to send is not the product's latency.
    const readingFromMs = clock.monotonicMs();
    const json = await readJsonBody(req, bodyLimits);
    const readingMs = clock.monotonicMs() - readingFromMs;
    const body = parseChargeRequest(json);
    const charge = await accept(chargeRequestOf(body), tenant, context.chargeId, dependencies);
    const fingerprint = fingerprintOf('POST', CHARGES_PATH, body);

    // From here on a client that disconnects stops nothing (protocol rule 13).
    const submission = gate.submit({ key, fingerprint, charge });
    context.work = submission;
    const answer = await submission;
    sendAnswer(req, res, key, answer);
    measureAnswer(metrics, answer, clock.monotonicMs() - startedMs - readingMs);
  };
}

/**
 * Holds a request against the limits of its tenant. A charge that stands in the ledger was within them when it came:
 * lowering them afterwards must not answer its retry with "nothing was written".
 *
 * @throws InvalidChargeError
 * @throws StoreUnavailableError
 */
async function accept(
  request: ChargeRequest,
  tenant: Tenant,
  chargeId: string,
  { clock, ledger }: CreateChargeDependencies,
): Promise<AcceptedCharge> {
  const nowEpochMs = clock.nowEpochMs();
  try {
    return validateCharge(request, tenant, nowEpochMs);
  } catch (error) {
    if (!(error instanceof InvalidChargeError) || (await ledger.read(chargeId)).length === 0) throw error;
    return validateCharge(request, withoutLimits(tenant), nowEpochMs);
  }
}

function withoutLimits(tenant: Tenant): Tenant {
  return { ...tenant, currencies: undefined, maximumAmountMinor: Infinity };
}

function sendAnswer(req: Request, res: Response, key: ChargeKey, answer: GateAnswer): void {
  const location = `${CHARGES_PATH}/${chargeIdOf(key)}`;
  switch (answer.kind) {
    case 'terminal': {
      const { status, body } = answer.response;
      if (answer.replayed) res.setHeader('Idempotent-Replayed', 'true');
      if (status === 201) res.setHeader('Location', location);
      sendText(req, res, status, status === 201 ? 'application/json' : 'application/problem+json', body);
      return;
    }
    case 'processing':
      res.setHeader('Location', location);
      setRetryAfter(res, answer.retryAfterSeconds);
      sendJson(req, res, 202, processingView(key, answer.charge));
      return;
    case 'in_flight':
      sendProblem(req, res, 'idempotency-key-in-flight', { retryAfterSeconds: answer.retryAfterSeconds });
      return;
    case 'mismatch':
      sendProblem(req, res, 'idempotency-key-reused');
      return;
    case 'refused':
      sendProblem(req, res, 'temporarily-unavailable', {
        detail: `${REFUSALS[answer.reason]} Nothing was charged, and nothing will be unless you ask again, with the same key.`,
        retryAfterSeconds: answer.retryAfterSeconds,
      });
      return;
    case 'outcome_unknown':
      sendProblem(req, res, 'outcome-unknown', { retryAfterSeconds: answer.retryAfterSeconds });
      return;
  }
}

const REFUSALS: Readonly<Record<RefusalReason, string>> = {
  'psp-circuit-open': 'The payment service provider does not answer at present.',
  'psp-account-missing':
    'The account at the payment service provider that your charges go to is not set up here.',
  'task-full': 'This task runs as many charges as it can.',
  'store-unavailable': 'A store did not answer.',
  stopping: 'This task is stopping.',
};
