import type { RequestHandler } from 'express';

import { METRICS } from '#contract/metrics';

import type { Metrics } from '../platform/metrics.ts';
import { ProblemError } from './problem.ts';
import { contextOf } from './request-context.ts';

/**
 * Refuses at once what exceeds the number of requests that this task serves at a time (protocol rule 23). A place is
 * given back when the response is over and the work behind it as well: a client that hangs up frees nothing.
 */
export function limitConcurrency(maximum: number, metrics: Metrics): RequestHandler {
  let requestCount = 0;
  return (_req, res, next) => {
    if (requestCount >= maximum) {
      metrics.count(METRICS.requestsRefused);
      throw new ProblemError('temporarily-unavailable', {
        detail:
          'This task serves as many requests as it can. Nothing was written: ask again, with the same key, after `Retry-After` seconds.',
        retryAfterSeconds: 1,
      });
    }
    requestCount += 1;
    res.once('close', () => {
      const release = () => {
        requestCount -= 1;
      };
      void Promise.resolve(contextOf(res).work).then(release, release);
    });
    next();
  };
}
