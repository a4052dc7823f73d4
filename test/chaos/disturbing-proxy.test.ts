import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { SeededRandom } from '../simulation/seeded-random.ts';
import { eventually } from '../support/eventually.ts';
import { DisturbingProxy, INTERFERENCES, type Interference } from './disturbing-proxy.ts';

/** What a caller that waits for 400 ms hears, and whether the request took effect at the server in the end. */
const EXPECTED: Readonly<Record<Interference, { readonly heard: string; readonly takesEffect: boolean }>> = {
  'late-request': { heard: '200 {"done":true}', takesEffect: true },
  'late-answer': { heard: '200 {"done":true}', takesEffect: true },
  'held-back': { heard: 'nothing', takesEffect: true },
  'lost-request': { heard: 'nothing', takesEffect: false },
  'lost-answer': { heard: 'nothing', takesEffect: true },
  silent: { heard: 'nothing', takesEffect: false },
  error: { heard: '500 broken', takesEffect: false },
  'error-after': { heard: '500 broken', takesEffect: true },
  throttled: { heard: '429 too many', takesEffect: false },
  garbled: { heard: '200 {"done', takesEffect: true },
};

describe('the proxy that disturbs', () => {
  let server: Server;
  let proxy: DisturbingProxy;
  let effects: number;
  let interferedWith: Interference[];

  beforeEach(async () => {
    effects = 0;
    interferedWith = [];
    server = createServer((request, response) => {
      request.resume().once('end', () => {
        effects += 1;
        response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"done":true}');
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    proxy = await DisturbingProxy.start({
      name: 'server',
      target: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      random: new SeededRandom(1),
      errorAnswer: { status: 500, contentType: 'text/plain', body: 'broken' },
      throttledAnswer: { status: 429, contentType: 'text/plain', body: 'too many' },
      lateAtMostMs: 60,
      heldBackMs: { atLeast: 1_000, atMost: 1_100 },
      onInterference: (kind) => interferedWith.push(kind),
    });
  });

  afterEach(async () => {
    await proxy.close();
    server.close();
    server.closeAllConnections();
  });

  async function ask(withinMs: number): Promise<string> {
    try {
      const signal = AbortSignal.timeout(withinMs);
      const response = await fetch(proxy.url, { method: 'POST', body: 'work', signal });
      return `${response.status} ${await response.text()}`;
    } catch {
      return 'nothing';
    }
  }

  it('passes requests and answers on as they are', async () => {
    expect(await ask(10_000)).toBe('200 {"done":true}');
    expect([effects, interferedWith]).toEqual([1, []]);
  });

  it.each(INTERFERENCES)('does to all requests, while it is told to, what %s means', async (kind) => {
    const { heard, takesEffect } = EXPECTED[kind];
    const end = proxy.interfere(kind, 1);
    // Who hears something has time to; who hears nothing has given up long before the request is delivered.
    expect(await ask(heard === 'nothing' ? 400 : 10_000)).toBe(heard);
    expect(interferedWith).toEqual([kind]);
    if (takesEffect) await eventually('the request takes effect', () => Promise.resolve(effects === 1));
    end();
    expect(await ask(10_000)).toBe('200 {"done":true}');
    expect(effects).toBe(takesEffect ? 2 : 1);
  });

  it('interferes with a share of the requests', async () => {
    proxy.interfere('error', 0.5);
    const heard = await Promise.all(Array.from({ length: 60 }, () => ask(10_000)));
    const errors = heard.filter((text) => text === '500 broken').length;
    expect(errors).toBe(interferedWith.length);
    expect(errors).toBeGreaterThan(10);
    expect(errors).toBeLessThan(50);
  });

  it('refuses connections, and listens again at the same address', async () => {
    await proxy.refuse();
    expect(await ask(10_000)).toBe('nothing');
    expect(effects).toBe(0);
    await proxy.accept();
    expect(await ask(10_000)).toBe('200 {"done":true}');
  });
});
