import type { Request, Response } from 'express';

import { PROBLEMS, type ProblemSlug } from '#contract/problem-types';

import { problemBody, type ProblemOptions } from './problem.ts';
import { contextOf } from './request-context.ts';

/** A body that is still on its way and larger than this is not waited for. Bytes. */
const READ_OFF_LIMIT_BYTES = 65_536;
/** How long a client may go on sending after its answer. */
const LINGER_MS = 2_000;

/**
 * Sends a whole response. Nothing happens where the client is gone, or has its answer.
 *
 * Express's own `send` is not used: it adds a charset to the content type and looks for freshness, and a stored
 * answer goes out as it is.
 */
export function sendText(
  req: Request,
  res: Response,
  status: number,
  contentType: string,
  text: string,
): void {
  if (res.headersSent || res.destroyed) return;
  const body = Buffer.from(text);
  res.statusCode = status;
  res.setHeader('Content-Type', contentType);
  res.setHeader('Content-Length', body.byteLength);
  if (mustLinger(req)) {
    lingerAfter(req, res, body);
  } else {
    res.end(body);
  }
}

export function sendJson(req: Request, res: Response, status: number, value: unknown): void {
  sendText(req, res, status, 'application/json', JSON.stringify(value));
}

export function sendProblem(
  req: Request,
  res: Response,
  slug: ProblemSlug,
  options: ProblemOptions = {},
): void {
  if (res.headersSent || res.destroyed) return;
  for (const [name, value] of Object.entries(options.headers ?? {})) res.setHeader(name, value);
  if (options.retryAfterSeconds !== undefined) setRetryAfter(res, options.retryAfterSeconds);
  const body = problemBody(slug, contextOf(res).requestId, options);
  sendText(req, res, PROBLEMS[slug].status, 'application/problem+json', JSON.stringify(body));
}

/** `Retry-After` takes whole seconds, and 0 would invite a busy loop. */
export function setRetryAfter(res: Response, seconds: number): void {
  res.setHeader('Retry-After', String(Math.max(1, Math.ceil(seconds))));
}

function mustLinger(req: Request): boolean {
  if (req.complete) return false;
  const declaredBytes = req.headers['content-length'];
  if (declaredBytes !== undefined) return Number(declaredBytes) > READ_OFF_LIMIT_BYTES;
  return req.headers['transfer-encoding'] !== undefined;
}

/**
 * Answers a client that is still sending. Closing at once would reset the connection, and the reset may overtake the
 * answer; so what still comes is read and dropped for a while, and then the connection is closed.
 */
function lingerAfter(req: Request, res: Response, body: Buffer): void {
  res.setHeader('Connection', 'close');
  res.write(body);
  const timer = setTimeout(end, LINGER_MS);
  function end(): void {
    clearTimeout(timer);
    res.end();
  }
  req.once('end', end);
  req.once('error', end);
  res.once('close', end);
  req.resume();
}
