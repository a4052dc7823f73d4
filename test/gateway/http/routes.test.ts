import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';

import { eventually } from '../../support/eventually.ts';
import { API_KEY, ApiUnderTest, chargeBody, OTHER_API_KEY, problemOf } from './api-under-test.ts';

describe('the routes', () => {
  let api: ApiUnderTest;
  beforeAll(async () => {
    api = await ApiUnderTest.start();
  });
  afterEach(() => {
    api.readiness.ready = true;
  });
  afterAll(() => api.stop());

  it('say that the process is alive, ready or not', async () => {
    api.readiness.ready = false;
    const response = await api.get('/livez', {});
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ status: 'alive' });
  });

  it('say whether the process can take new charges', async () => {
    expect((await api.get('/readyz', {})).status).toBe(200);
    api.readiness.ready = false;
    const response = await api.get('/readyz', {});
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('5');
    expect((await problemOf(response)).type).toBe('/docs/errors#temporarily-unavailable');
  });

  it.each(['/', '/nowhere', '/v1', '/V1/charges', '/v1/charges/ch_1/refunds', '/docs'])(
    'do not know %s',
    async (path) => {
      const response = await api.get(path);
      expect(response.status).toBe(404);
      expect(response.headers.get('content-type')).toBe('application/problem+json');
      expect((await problemOf(response)).type).toBe('/docs/errors#not-found');
    },
  );

  it.each([
    ['GET', '/v1/charges', 'POST'],
    ['PUT', '/v1/charges', 'POST'],
    ['OPTIONS', '/v1/charges', 'POST'],
    ['DELETE', '/v1/charges/ch_1', 'GET, HEAD'],
    ['POST', '/livez', 'GET, HEAD'],
    ['POST', '/readyz', 'GET, HEAD'],
    ['DELETE', '/openapi.json', 'GET, HEAD'],
    ['PATCH', '/docs/errors', 'GET, HEAD'],
  ])('do not allow %s %s', async (method, path, allowed) => {
    const response = await fetch(api.url(path), { method, headers: { Authorization: `Bearer ${API_KEY}` } });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe(allowed);
    expect((await problemOf(response)).type).toBe('/docs/errors#method-not-allowed');
  });
});

describe('the request log', () => {
  let api: ApiUnderTest;
  beforeAll(async () => {
    api = await ApiUnderTest.start();
  });
  afterAll(() => api.stop());

  it('has one line a request, that says what became of it', async () => {
    api.logger.lines.length = 0;
    const response = await api.charge(chargeBody(), { 'X-Request-Id': 'request-1' });
    const { id } = (await response.json()) as { id: string };
    await eventually('the requests are logged', () => api.logger.lines.length > 0);
    expect(api.logger.lines).toEqual([
      {
        level: 'info',
        message: 'request',
        fields: {
          method: 'POST',
          route: '/v1/charges',
          status: 201,
          durationMs: expect.any(Number),
          requestId: 'request-1',
          tenantId: 'tenant_a',
          chargeId: id,
        },
      },
    ]);
  });

  it('is silent about health checks at its usual level', async () => {
    api.logger.lines.length = 0;
    await api.get('/livez', {});
    await api.get('/readyz', {});
    await eventually('the requests are logged', () => api.logger.lines.length === 2);
    expect(api.logger.lines.map(({ level }) => level)).toEqual(['debug', 'debug']);
  });

  it('never holds an API key, a payment method, or anything else of a body or path', async () => {
    api.logger.lines.length = 0;
    const secrets = [API_KEY, OTHER_API_KEY, 'unknown_key', 'pm_secret', '4242424242424242', 'private'];
    await api.charge(chargeBody({ payment_method: 'pm_secret', description: 'private' }));
    await api.charge(chargeBody({ payment_method: '4242424242424242' }));
    await api.charge('{"private": 4242424242424242');
    await api.charge(chargeBody(), { Authorization: 'Bearer unknown_key' });
    await api.get('/private?key=demo_tenant_a_key');
    api.gate.answer = () => Promise.reject(new Error('a defect'));
    await api.charge(chargeBody({ payment_method: 'pm_secret' }));
    // One line a request, and one for the defect.
    await eventually('the requests are logged', () => api.logger.lines.length === 7);
    const logged = JSON.stringify(api.logger.lines);
    for (const secret of secrets) expect(logged).not.toContain(secret);
  });
});
