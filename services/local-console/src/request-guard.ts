import { createHash, timingSafeEqual } from 'node:crypto';

import type { RequestHandler } from 'express';

/** Names that a browser on this machine knows the console by; any other is a page that was rebound to our address. */
const LOOPBACK_NAMES = ['127.0.0.1', 'localhost'];

const HEADERS = {
  'Cache-Control': 'no-store',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
} as const;

/** Lets nobody in but the page itself, opened under a name of the loopback address: DNS rebinding ends here. */
export function requireOwnOrigin(port: number): RequestHandler {
  const hosts = LOOPBACK_NAMES.map((name) => `${name}:${port}`);
  const origins = hosts.map((host) => `http://${host}`);
  return (request, response, next) => {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    const { host, origin, 'sec-fetch-site': site } = request.headers;
    if (host === undefined || !hosts.includes(host)) {
      response.status(421).json({ error: 'the console answers under 127.0.0.1 and localhost only' });
    } else if (origin !== undefined && !origins.includes(origin)) {
      response.status(403).json({ error: 'another origin may not use the console' });
    } else if (site === 'cross-site' && request.method !== 'GET') {
      response.status(403).json({ error: 'another site may not use the console' });
    } else {
      next();
    }
  };
}

/**
 * Demands the token of this start, as `Authorization: Bearer …`. It is in the part of the URL after `#`, which a
 * browser sends to nobody: not to be read by another account of this machine, nor to be sent by another page.
 */
export function requireToken(token: string): RequestHandler {
  const expected = digest(`Bearer ${token}`);
  return (request, response, next) => {
    if (timingSafeEqual(digest(request.headers.authorization ?? ''), expected)) {
      next();
      return;
    }
    response.status(401).json({ error: 'open the console by the address that npm start prints' });
  };
}

/** Of equal length, whatever is compared. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
