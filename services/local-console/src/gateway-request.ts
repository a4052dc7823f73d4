import { Agent, request } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** Longer than the gateway waits for a running charge. */
const TIMEOUT_MS = 60_000;
const MAX_ANSWER_BYTES = 262_144;

export interface GatewayAnswer {
  readonly status: number;
  readonly replayed: boolean;
  /** As received. */
  readonly text: string;
}

/**
 * One POST /v1/charges on a connection of its own, so that the tasks which share a port share the requests.
 *
 * @param options.onConnected told both ports as soon as the connection stands; the connection outlives the answer until
 *   what it returns has resolved, so that its other end can be found out however fast the answer is
 * @throws Error where the connection breaks before the answer is there
 */
export function postCharge(options: {
  readonly gatewayUrl: string;
  readonly apiKey: string;
  readonly idempotencyKey: string;
  readonly body: object;
  readonly onConnected: (connection: { localPort: number; remotePort: number }) => Promise<void>;
}): Promise<GatewayAnswer> {
  const { gatewayUrl, apiKey, idempotencyKey, onConnected } = options;
  const body = Buffer.from(JSON.stringify(options.body));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let lookedAt = Promise.resolve();
  const answered = new Promise<GatewayAnswer>((resolve, reject) => {
    const sent = request(`${gatewayUrl}/v1/charges`, {
      method: 'POST',
      agent,
      timeout: TIMEOUT_MS,
      headers: {
        Authorization: `Bearer ${apiKey}`,
        'Content-Type': 'application/json',
        'Content-Length': body.byteLength,
        'Idempotency-Key': idempotencyKey,
      },
    });
    sent.once('error', reject);
    sent.once('timeout', () => sent.destroy(new Error('no answer in time')));
    sent.once('socket', (socket: Socket) => {
      socket.once('connect', () => {
        const { port: localPort } = socket.address() as AddressInfo;
        lookedAt = onConnected({ localPort, remotePort: socket.remotePort ?? 0 });
      });
    });
    sent.once('response', (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size > MAX_ANSWER_BYTES) response.destroy(new Error('the answer is too long'));
      });
      response.once('error', reject);
      response.once('end', () => {
        const text = Buffer.concat(chunks).toString();
        const replayed = response.headers['idempotent-replayed'] === 'true';
        resolve({ status: response.statusCode ?? 0, replayed, text });
      });
    });
    sent.end(body);
  });
  void Promise.allSettled([answered]).then(async () => {
    await Promise.allSettled([lookedAt]);
    agent.destroy();
  });
  return answered;
}
