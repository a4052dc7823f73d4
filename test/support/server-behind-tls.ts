import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { createServer, type Server } from 'node:tls';

import type { TlsIdentity } from '#gateway/http/self-signed-certificate';

/** Puts TLS before an emulator that speaks plain HTTP, so that what must not speak it can be run against it. */
export class ServerBehindTls {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #target: URL;

  private constructor(target: URL, identity: TlsIdentity) {
    this.#target = target;
    this.#server = createServer(identity, (secure) => {
      const upstream = connect(Number(target.port), target.hostname);
      const close = () => {
        secure.destroy();
        upstream.destroy();
      };
      for (const end of [secure, upstream]) {
        this.#sockets.add(end);
        end.on('error', close).on('close', close);
      }
      secure.pipe(upstream).pipe(secure);
    });
  }

  static async start(url: string, identity: TlsIdentity): Promise<ServerBehindTls> {
    const server = new ServerBehindTls(new URL(url), identity);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  /** The same URL through TLS, at `localhost` (for which the certificate is, as a rule) or another name. */
  url(hostname = 'localhost'): string {
    const { pathname } = this.#target;
    const { port } = this.#server.address() as AddressInfo;
    return `https://${hostname}:${port}${pathname === '/' ? '' : pathname}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
