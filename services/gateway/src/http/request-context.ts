import type { Response } from 'express';

import type { Tenant } from '../tenants/tenant.ts';

/** What is known of a request while it is served: what its answer and its log line are made of. */
export interface RequestContext {
  readonly requestId: string;
  tenant: Tenant | undefined;
  chargeId: string | undefined;
  /** It asks for a charge, maybe not for the first time: there may be one under its key, whatever becomes of it. */
  asksForCharge?: boolean;
  /** Goes on when the client is gone, and keeps the request's place among the concurrent ones until it ends. */
  work: Promise<unknown> | undefined;
}

export function contextOf(res: Response): RequestContext {
  return (res.locals as { context: RequestContext }).context;
}

export function attachContext(res: Response, context: RequestContext): void {
  (res.locals as { context: RequestContext }).context = context;
}
