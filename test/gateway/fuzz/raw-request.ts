import { connect } from 'node:net';

/** A request as its bytes are put together, so that it may be what no HTTP client would send. */
export interface RawRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
}

export interface RawResponse {
  readonly status: number;
  /** In lower case; of a header that is given twice, the last one. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

const ANSWER_WITHIN_MS = 60_000;

/**
 * Sends a request on a connection of its own and reads the answer to its end.
 *
 * @returns undefined where the connection was closed without an answer
 */
export async function sendRaw(port: number, request: RawRequest): Promise<RawResponse | undefined> {
  const head = [
    `${request.method} ${request.target} HTTP/1.1`,
    ...request.headers.map(([name, value]) => `${name}: ${value}`),
    'Connection: close',
    '',
    '',
  ].join('\r\n');
  return responseOf(await sendBytes(port, Buffer.concat([Buffer.from(head, 'latin1'), request.body])));
}

/** @returns all that came back until the connection was closed */
export async function sendBytes(port: number, bytes: Buffer): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  // A server that has refused does not read on: what it answered has arrived by then.
  socket.on('error', () => undefined);
  socket.setTimeout(ANSWER_WITHIN_MS, () => socket.destroy());
  socket.write(bytes);
  await new Promise((resolve) => socket.once('close', resolve));
  return Buffer.concat(chunks).toString('utf8');
}

/** The answer, after a `100 Continue` where one was asked for. */
export function responseOf(text: string): RawResponse | undefined {
  const final = text.replace(/^HTTP\/1\.1 100 [^\r\n]*\r\n\r\n/, '');
  const [, status, rest = ''] = /^HTTP\/1\.1 (\d{3}) [^\r\n]*\r\n([\s\S]*)$/.exec(final) ?? [];
  if (status === undefined) return undefined;
  const end = rest.indexOf('\r\n\r\n');
  const lines = rest.slice(0, end).split('\r\n');
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    }),
  );
  return { status: Number(status), headers, body: rest.slice(end + 4) };
}
