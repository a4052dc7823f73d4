import { once } from 'node:events';
import { request as sendRequest, type IncomingMessage } from 'node:http';

/** Passes a request on to a server at `target`, as it came but for its body, on a connection of its own. */
export async function forwardRequest(
  { method, url: path, headers }: IncomingMessage,
  body: Buffer,
  { hostname, port }: URL,
): Promise<IncomingMessage> {
  const forwarded = sendRequest({ hostname, port, method, path, headers, agent: false });
  forwarded.end(body);
  const [answer] = (await once(forwarded, 'response')) as [IncomingMessage];
  return answer;
}

export async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
