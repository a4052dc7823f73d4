import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';

/** A way to a TCP server that can lose its answers, refuse and hang. */
export interface FaultyConnection {
  readonly port: number;
  /** The next `count` answers are lost: the server gets the request and acts, the connection breaks. */
  loseAnswers(count: number): void;
  /** From now on the server gets the requests and acts, and nothing comes back. */
  swallowAnswers(): void;
  /** From now on everything passes. */
  heal(): void;
  /** Breaks what stands and refuses from then on; may be repeated. */
  close(): Promise<void>;
}

export async function faultyConnectionTo(host: string, port: number): Promise<FaultyConnection> {
  let toLose = 0;
  let swallowing = false;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(port, host);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      socket.on('error', () => socket.destroy());
    }
    client.on('data', (chunk) => upstream.write(chunk));
    client.on('close', () => upstream.end());
    upstream.on('close', () => client.destroy());
    upstream.on('data', (chunk) => {
      if (swallowing) return;
      if (toLose > 0) {
        toLose -= 1;
        client.destroy();
        return;
      }
      client.write(chunk);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    loseAnswers: (count) => (toLose = count),
    swallowAnswers: () => (swallowing = true),
    heal: () => {
      swallowing = false;
      toLose = 0;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      if (!server.listening) return;
      server.close();
      await once(server, 'close');
    },
  };
}
