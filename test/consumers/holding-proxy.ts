import { once } from 'node:events';
import { createServer, request as sendRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** A proxy in front of an AWS service that forwards everything but one operation, which it lets hang. */
export interface HoldingProxy {
  readonly url: string;
  /** How many requests of the operation hang or hung. */
  held(): number;
  close(): void;
}

/** @param operation without the service's prefix, such as `DeleteMessage` */
export async function holdingProxy(target: string, operation: string): Promise<HoldingProxy> {
  let held = 0;
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      if (request.headers['x-amz-target']?.toString().split('.').at(-1) === operation) {
        held += 1;
        return;
      }
      const { method, headers, url = '/' } = request;
      const forwarded = sendRequest(new URL(url, target), { method, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      });
      forwarded.on('error', () => response.destroy());
      forwarded.end(body);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    held: () => held,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
