import type { RequestHandler } from 'express';

import type { Tracing } from '../platform/tracing.ts';
import { contextOf } from './request-context.ts';

/** What load balancers ask all the time. */
const UNTRACED = /^\/(livez|readyz)$/;

/** Makes the span of a request, in the trace that the load balancer began; it ends with the answer. */
export function traceRequests(tracing: Tracing): RequestHandler {
  return (req, res, next) => {
    if (UNTRACED.test(req.path)) {
      next();
      return;
    }
    const header = (name: string) => req.get(name);
    const options = {
      kind: 'server',
      attributes: { 'http.request.method': req.method },
      continues: { xray: header('x-amzn-trace-id'), traceparent: header('traceparent') },
    } as const;
    void tracing.span('http.request', options, async (span) => {
      const closed = new Promise<void>((resolve) => {
        res.once('close', () => resolve());
      });
      next();
      await closed;
      const { chargeId, tenant } = contextOf(res);
      const status = res.headersSent ? res.statusCode : undefined;
      span.set({
        'http.route': (req.route as { readonly path: string } | undefined)?.path,
        'http.response.status_code': status,
        'charge.id': chargeId,
        'charge.tenant_id': tenant?.tenantId,
      });
      if (status === undefined || status >= 500 || status === 202) span.keep();
    });
  };
}
