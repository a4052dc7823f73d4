import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

/**
 * Connections of an HTTPS server whose TLS handshake is not over. They are not HTTP yet, so that
 * `closeAllConnections` does not know them, and a server would wait for them when it stops.
 */
export class PendingHandshakes {
  private readonly sockets = new Map<string, Socket>();

  /** An HTTP server has none. */
  constructor(server: Server) {
    if (!('setSecureContext' in server)) return;
    server.on('connection', (socket: Socket) => {
      const peer = peerOf(socket);
      this.sockets.set(peer, socket);
      socket.once('close', () => {
        if (this.sockets.get(peer) === socket) this.sockets.delete(peer);
      });
    });
    server.on('secureConnection', (socket: TLSSocket) => this.sockets.delete(peerOf(socket)));
  }

  get count(): number {
    return this.sockets.size;
  }

  closeAll(): void {
    for (const socket of this.sockets.values()) socket.destroy();
  }
}

/** The two sockets of a connection, the encrypted one and the one below it, are objects that do not know each other. */
function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${String(remoteAddress)} ${String(remotePort)}`;
}
