import type { Request, Response } from 'express';

import type { Tenant, TenantDirectory } from '../tenants/tenant.ts';
import { ProblemError } from './problem.ts';
import { contextOf } from './request-context.ts';

/** RFC 6750: the scheme in any letter case, then one token. */
const BEARER = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i;

/**
 * The tenant that the request's API key belongs to.
 *
 * @throws ProblemError when there is no usable key, in one text for every cause but the missing header, so that
 * nobody learns which keys exist
 * @throws StoreUnavailableError
 */
export async function authenticate(req: Request, res: Response, tenants: TenantDirectory): Promise<Tenant> {
  const values = req.headersDistinct.authorization ?? [];
  if (values.length === 0)
    throw unauthorized('Bearer realm="charge-once"', 'The Authorization header is missing.');
  const apiKey = values.length === 1 ? BEARER.exec(values[0] ?? '')?.[1] : undefined;
  const tenant = apiKey === undefined ? undefined : await tenants.authenticate(apiKey);
  if (tenant === undefined) {
    throw unauthorized('Bearer realm="charge-once", error="invalid_token"', 'The API key is not valid.');
  }
  contextOf(res).tenant = tenant;
  return tenant;
}

function unauthorized(challenge: string, detail: string): ProblemError {
  return new ProblemError('unauthorized', {
    detail: `${detail} Send \`Authorization: Bearer <api key>\`.`,
    headers: { 'WWW-Authenticate': challenge },
  });
}
