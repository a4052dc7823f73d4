import type { ErrorRequestHandler, RequestHandler } from 'express';

import type { Logger } from '../platform/logger.ts';
import { StoreUnavailableError } from '../platform/store-unavailable-error.ts';
import { InvalidChargeError } from '../saga/steps/validate-charge.ts';
import { fieldProblem, ProblemError } from './problem.ts';
import { ClientDisconnectedError } from './read-json-body.ts';
import { contextOf } from './request-context.ts';
import { sendProblem } from './send-response.ts';

/** Ends a path that exists, for a method that it does not have. */
export function refuseMethod(allowedMethods: string): RequestHandler {
  return () => {
    throw new ProblemError('method-not-allowed', { headers: { Allow: allowedMethods } });
  };
}

export const refusePath: RequestHandler = () => {
  throw new ProblemError('not-found');
};

/** Turns whatever was thrown into a problem. What nobody expected is logged, and the client learns only the id. */
export function answerErrors(logger: Logger): ErrorRequestHandler {
  return (error: unknown, req, res, next) => {
    if (error instanceof ClientDisconnectedError) return;
    if (res.headersSent) {
      // Half an answer must not look like a whole one: Express closes the connection.
      next(error);
      return;
    }
    const { requestId, chargeId, asksForCharge = false } = contextOf(res);
    const problem = problemOf(error, asksForCharge);
    if (problem === undefined) {
      logger.error({ requestId, chargeId, err: error }, 'a request failed unexpectedly');
    } else if (error instanceof StoreUnavailableError) {
      logger.warn({ requestId, chargeId, store: error.store, err: error }, 'a store is not available');
    }
    sendProblem(req, res, problem?.slug ?? 'internal-error', problem?.options);
  };
}

function problemOf(error: unknown, asksForCharge: boolean): ProblemError | undefined {
  if (error instanceof ProblemError) return error;
  if (error instanceof InvalidChargeError) {
    return fieldProblem('invalid-request', [{ field: error.field, message: error.message }]);
  }
  // Thrown only by what reads: the tenant directory and the ledger. What writes is behind the gate.
  if (error instanceof StoreUnavailableError) {
    // A retry of a charge that stands must not hear that nothing was charged (protocol rule 18): nobody has looked.
    if (asksForCharge) return new ProblemError('outcome-unknown', { retryAfterSeconds: 2 });
    return new ProblemError('temporarily-unavailable', {
      detail: 'A store did not answer. Nothing was written: ask again after `Retry-After` seconds.',
      retryAfterSeconds: 2,
    });
  }
  // A path that cannot be decoded, such as /v1/charges/%ZZ, names nothing.
  if (error instanceof URIError) return new ProblemError('not-found');
  return undefined;
}
