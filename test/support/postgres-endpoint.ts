import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';

import type { TlsIdentity } from '#gateway/http/self-signed-certificate';

const SSL_REQUEST_BYTES = 8;
/** Type and length of a message. */
const HEADER_BYTES = 5;
/** Authentication requests of PostgreSQL's frontend/backend protocol: send the password as it is; it is accepted. */
const CLEARTEXT_PASSWORD = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]);
const AUTHENTICATED = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0]);
const READY_FOR_QUERY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);
/** ErrorResponse: what a backend says when it finds that the postmaster is gone. */
const FATAL = errorResponse({
  S: 'FATAL',
  C: '57P01',
  M: 'terminating connection due to unexpected postmaster exit',
});
const PASSWORD_MESSAGE = 0x70;

/**
 * The first minute of a PostgreSQL server behind TLS, as RDS Proxy plays it for an IAM sign-in: asks for the password
 * in clear text over TLS, and takes every one. Remembers what it was given.
 */
export class PostgresEndpoint {
  readonly passwords: string[] = [];
  /** From now on it says at once, in one piece with what completes the sign-in, that it shuts down. */
  shutsDownAfterSignIn = false;

  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(identity: TlsIdentity) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket.on('error', () => undefined));
      socket.once('data', (request) => {
        if (request.length === SSL_REQUEST_BYTES) this.#secure(socket, identity);
        else socket.destroy();
      });
    });
  }

  static async start(identity: TlsIdentity): Promise<PostgresEndpoint> {
    const endpoint = new PostgresEndpoint(identity);
    await new Promise<void>((resolve) => endpoint.#server.listen(0, '127.0.0.1', resolve));
    return endpoint;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #secure(socket: Socket, identity: TlsIdentity): void {
    socket.write('S');
    const secure = new TLSSocket(socket, { isServer: true, secureContext: createSecureContext(identity) });
    // A client that does not trust us goes away.
    secure.on('error', () => undefined);
    secure.once('data', () => secure.write(CLEARTEXT_PASSWORD));
    secure.on('data', (message: Buffer) => {
      if (message[0] !== PASSWORD_MESSAGE) return;
      this.passwords.push(message.subarray(HEADER_BYTES, -1).toString());
      const signedIn = [AUTHENTICATED, READY_FOR_QUERY];
      if (this.shutsDownAfterSignIn) secure.end(Buffer.concat([...signedIn, FATAL]));
      else secure.write(Buffer.concat(signedIn));
    });
  }
}

function errorResponse(fields: Readonly<Record<string, string>>): Buffer {
  const body = Buffer.from(
    `${Object.entries(fields)
      .map(([type, text]) => `${type}${text}\0`)
      .join('')}\0`,
  );
  const header = Buffer.alloc(HEADER_BYTES, 'E');
  header.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([header, body]);
}
