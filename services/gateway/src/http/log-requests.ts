import type { RequestHandler } from 'express';

import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import { contextOf } from './request-context.ts';

/**
 * Writes one line a request, when it is over. Its fields are listed here one by one: nothing that a client sent gets
 * into the log but a method, and a request id and a charge id of a known form.
 */
export function logRequests(logger: Logger, clock: Clock): RequestHandler {
  return (req, res, next) => {
    const startedAtMs = clock.monotonicMs();
    res.once('close', () => {
      const { requestId, tenant, chargeId } = contextOf(res);
      // The path as declared, its parameters unfilled; undefined for an unknown one.
      const route = (req.route as { readonly path: string } | undefined)?.path;
      const fields = {
        method: req.method,
        route,
        // What the client was told; nothing, where it went away first.
        status: res.headersSent ? res.statusCode : undefined,
        durationMs: Math.round((clock.monotonicMs() - startedAtMs) * 10) / 10,
        requestId,
        tenantId: tenant?.tenantId,
        chargeId,
      };
      if (!res.writableFinished) {
        logger.info(fields, 'the client disconnected');
      } else if (route === '/livez' || route === '/readyz') {
        logger.debug(fields, 'request');
      } else {
        logger.info(fields, 'request');
      }
    });
    next();
  };
}
