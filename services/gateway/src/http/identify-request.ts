import type { RequestHandler } from 'express';

import type { Random } from '../platform/random.ts';
import { attachContext } from './request-context.ts';

const SANE_REQUEST_ID = /^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$/;

/**
 * Gives every request an id, the client's own where it can go into a header and a log line as it is, and sets the
 * headers that every response carries.
 */
export function identifyRequest(random: Random): RequestHandler {
  return (req, res, next) => {
    const given = req.headers['x-request-id'];
    const requestId = typeof given === 'string' && SANE_REQUEST_ID.test(given) ? given : random.uuid();
    attachContext(res, {
      requestId,
      tenant: undefined,
      chargeId: undefined,
      work: undefined,
    });
    res.setHeader('X-Request-Id', requestId);
    res.setHeader('Cache-Control', 'no-store');
    res.setHeader('X-Content-Type-Options', 'nosniff');
    next();
  };
}
