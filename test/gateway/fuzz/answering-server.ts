import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a server may say to a request. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** The connection is reset after so many bytes of the body, of which all were announced. */
  readonly cutAfterBytes?: number | undefined;
}

export interface AskedRequest {
  readonly method: string;
  readonly path: string;
}

/** A server on loopback that answers whatever it is told to. */
export class AnsweringServer {
  /** Asked of each request, once all of it has arrived. */
  answer: (request: AskedRequest) => Answer = () => ({ status: 404, headers: {}, body: Buffer.alloc(0) });
  private readonly server = createServer((request, response) => {
    request.resume().once('end', () => this.respond(request, response));
  });

  static async start(): Promise<AnsweringServer> {
    const one = new AnsweringServer();
    one.server.listen({ host: '127.0.0.1', port: 0 });
    await once(one.server, 'listening');
    return one;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  private respond({ method = '', url: path = '' }: IncomingMessage, response: ServerResponse): void {
    const { status, headers, body, cutAfterBytes } = this.answer({ method, path });
    if (cutAfterBytes === undefined) {
      response.writeHead(status, headers).end(body);
      return;
    }
    response.writeHead(status, { ...headers, 'Content-Length': body.length + 1 });
    response.write(body.subarray(0, cutAfterBytes), () => response.socket?.destroy());
  }
}
