import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { bodyOf, forwardRequest } from '#test/support/forward-request';
import { testCloud } from '#test/support/test-cloud';

/** The retention that the bucket gives, and what is put on hold. */
export interface LockState {
  /** The default retention's mode; undefined for a bucket that has none. */
  mode: string | undefined;
  /** What an object is kept until. RFC 3339. */
  until: string;
  /** Whether the bucket has Object Lock at all. */
  isLocked: boolean;
}

/**
 * What the emulator of S3 lacks, in front of it: the answers of a bucket under Object Lock, by S3's reference. It
 * refuses nothing by itself; what it is for is what the archive asks of such a bucket and makes of the answers.
 */
export class LockedBucketEndpoint {
  readonly lock: LockState = { mode: 'COMPLIANCE', until: '2033-11-27T00:00:00.000Z', isLocked: true };
  /** Paths of objects on legal hold. */
  readonly held = new Set<string>();
  /** Tags by the path of their object, as the XML that came. */
  readonly #tags = new Map<string, string>();
  readonly #target = new URL(testCloud().sqsEndpoint);
  readonly #server = createServer((request, response) => {
    this.#handle(request, response).catch(() => request.socket.destroy());
  });

  static async start(): Promise<LockedBucketEndpoint> {
    const endpoint = new LockedBucketEndpoint();
    endpoint.#server.listen({ host: '127.0.0.1', port: 0 });
    await once(endpoint.#server, 'listening');
    return endpoint;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    const { pathname, searchParams } = new URL(request.url ?? '', this.url);
    const asked = ['object-lock', 'legal-hold', 'tagging', 'versions'].find((name) => searchParams.has(name));
    if (asked !== undefined) {
      const { status, xml } = this.#answer(asked, request.method ?? '', pathname, body.toString());
      response.writeHead(status, { 'Content-Type': 'application/xml' }).end(xml);
      return;
    }
    const answer = await forwardRequest(request, body, this.#target);
    const isRead = request.method === 'HEAD' && answer.statusCode === 200 && this.lock.isLocked;
    response.writeHead(answer.statusCode ?? 502, {
      ...answer.headers,
      ...(isRead ? this.#lockHeaders(pathname) : {}),
    });
    answer.pipe(response);
  }

  #answer(asked: string, method: string, path: string, body: string): { status: number; xml: string } {
    if (asked === 'versions') return { status: 200, xml: '<ListVersionsResult></ListVersionsResult>' };
    if (!this.lock.isLocked && asked !== 'tagging') {
      const code = 'ObjectLockConfigurationNotFoundError';
      return { status: 404, xml: `<Error><Code>${code}</Code><Message>no</Message></Error>` };
    }
    if (asked === 'object-lock') return { status: 200, xml: this.#configuration() };
    if (asked === 'legal-hold' && method === 'GET') {
      if (this.held.has(path)) return { status: 200, xml: '<LegalHold><Status>ON</Status></LegalHold>' };
      const code = 'NoSuchObjectLockConfiguration';
      return { status: 404, xml: `<Error><Code>${code}</Code><Message>no</Message></Error>` };
    }
    if (asked === 'legal-hold') {
      if (body.includes('<Status>ON</Status>')) this.held.add(path);
      else this.held.delete(path);
      return { status: 200, xml: '' };
    }
    if (method === 'PUT') this.#tags.set(path, body);
    return { status: 200, xml: this.#tags.get(path) ?? '<Tagging><TagSet></TagSet></Tagging>' };
  }

  #configuration(): string {
    const { mode } = this.lock;
    const rule =
      mode === undefined
        ? ''
        : `<Rule><DefaultRetention><Mode>${mode}</Mode><Days>2557</Days></DefaultRetention></Rule>`;
    return `<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>${rule}</ObjectLockConfiguration>`;
  }

  #lockHeaders(path: string): Record<string, string> {
    return {
      ...(this.lock.mode === undefined
        ? {}
        : {
            'x-amz-object-lock-mode': this.lock.mode,
            'x-amz-object-lock-retain-until-date': this.lock.until,
          }),
      'x-amz-object-lock-legal-hold': this.held.has(path) ? 'ON' : 'OFF',
    };
  }
}
