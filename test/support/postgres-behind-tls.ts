import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';

import type { TlsIdentity } from '#gateway/http/self-signed-certificate';

/** Length of the SSLRequest of PostgreSQL's protocol, with which a client asks for TLS. */
const SSL_REQUEST_BYTES = 8;

/** Puts TLS, and nothing but TLS, before a PostgreSQL server that has none, as Aurora's `rds.force_ssl` does. */
export class PostgresBehindTls {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #target: URL;

  private constructor(target: URL, identity: TlsIdentity) {
    this.#target = target;
    this.#server = createServer((socket) => {
      this.#sockets.add(socket.on('error', () => undefined));
      socket.once('data', (request) => {
        if (request.length === SSL_REQUEST_BYTES) this.#forward(socket, identity);
        else socket.destroy();
      });
    });
  }

  static async start(databaseUrl: string, identity: TlsIdentity): Promise<PostgresBehindTls> {
    const proxy = new PostgresBehindTls(new URL(databaseUrl), identity);
    await new Promise<void>((resolve) => proxy.#server.listen(0, 'localhost', resolve));
    return proxy;
  }

  /** The URL of the same database through TLS, at `localhost`, for which the certificate must be. */
  get url(): string {
    const url = new URL(this.#target);
    url.hostname = 'localhost';
    url.port = String((this.#server.address() as AddressInfo).port);
    return url.href;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #forward(socket: Socket, identity: TlsIdentity): void {
    socket.write('S');
    const secure = new TLSSocket(socket, { isServer: true, secureContext: createSecureContext(identity) });
    const upstream = connect(Number(this.#target.port), this.#target.hostname);
    this.#sockets.add(upstream);
    const close = () => {
      secure.destroy();
      upstream.destroy();
    };
    for (const end of [secure, upstream]) end.on('error', close).on('close', close);
    secure.pipe(upstream).pipe(secure);
  }
}
