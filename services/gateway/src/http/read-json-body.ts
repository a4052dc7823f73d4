import { MIMEType } from 'node:util';

import type { Request } from 'express';

import { fieldProblem, ProblemError } from './problem.ts';

/** The client closed the connection before its request was whole: there is nobody to answer. */
export class ClientDisconnectedError extends Error {
  override readonly name = 'ClientDisconnectedError';
}

export interface BodyLimits {
  readonly maximumBytes: number;
  /** From the start of reading to the last byte. */
  readonly timeoutMs: number;
}

/**
 * Reads a JSON body, and not a byte more than allowed.
 *
 * @throws ProblemError
 * @throws ClientDisconnectedError
 */
export async function readJsonBody(req: Request, limits: BodyLimits): Promise<unknown> {
  requireJson(req);
  const bytes = await readBody(req, limits);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    // The parser's own message quotes the body, which may hold what nobody should see again.
    throw fieldProblem('invalid-request', [{ field: 'body', message: 'is not well-formed JSON in UTF-8' }]);
  }
}

/**
 * Reads the bytes of a JSON body, unparsed, for who signs them.
 *
 * @throws ProblemError
 * @throws ClientDisconnectedError
 */
export function readRawJson(req: Request, limits: BodyLimits): Promise<Buffer> {
  requireJson(req);
  return readBody(req, limits);
}

/**
 * Reads the bytes of a form.
 *
 * @throws ProblemError
 * @throws ClientDisconnectedError
 */
export function readRawForm(req: Request, limits: BodyLimits): Promise<Buffer> {
  requireMediaType(req, 'application/x-www-form-urlencoded');
  return readBody(req, limits);
}

function requireJson(req: Request): void {
  requireMediaType(req, 'application/json');
}

/** In UTF-8, which JSON is anyway (RFC 8259, section 8.1). */
function requireMediaType(req: Request, essence: string): void {
  const contentEncoding = req.headers['content-encoding'];
  if (contentEncoding !== undefined && contentEncoding.toLowerCase() !== 'identity') {
    throw new ProblemError('unsupported-media-type', { detail: 'Send the body without a Content-Encoding.' });
  }
  if (!hasMediaType(req.headers['content-type'], essence)) throw new ProblemError('unsupported-media-type');
}

function hasMediaType(contentType: string | undefined, essence: string): boolean {
  if (contentType === undefined) return false;
  try {
    const type = new MIMEType(contentType);
    return type.essence === essence && /^utf-?8$/i.test(type.params.get('charset') ?? 'utf-8');
  } catch {
    return false;
  }
}

/**
 * Reads the whole body.
 *
 * @throws ProblemError when it is larger or slower than the limits
 * @throws ClientDisconnectedError
 */
export function readBody(req: Request, limits: BodyLimits): Promise<Buffer> {
  if (Number(req.headers['content-length'] ?? 0) > limits.maximumBytes) {
    return Promise.reject(new ProblemError('body-too-large'));
  }
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let byteCount = 0;
    const timer = setTimeout(() => {
      settle(() => reject(new ProblemError('request-timeout', { headers: { Connection: 'close' } })));
    }, limits.timeoutMs);

    function settle(outcome: () => void): void {
      clearTimeout(timer);
      req.off('data', onData).off('end', onEnd).off('close', onClose);
      outcome();
    }
    function onData(chunk: Buffer): void {
      byteCount += chunk.byteLength;
      if (byteCount > limits.maximumBytes) {
        settle(() => reject(new ProblemError('body-too-large')));
      } else {
        chunks.push(chunk);
      }
    }
    function onEnd(): void {
      settle(() => resolve(Buffer.concat(chunks)));
    }
    function onClose(): void {
      settle(() =>
        reject(new ClientDisconnectedError('the connection was closed before the body was whole')),
      );
    }
    req.on('data', onData).on('end', onEnd).on('close', onClose);
    // Without a listener an aborted request would end the process; `close` follows and says the same.
    req.on('error', () => undefined);
  });
}
