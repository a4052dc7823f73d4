import { describe, expect, it } from '@jest/globals';

import { pinoLogger } from '#gateway/platform/pino-logger';

function logged(fields: object, message = 'a line', level: 'info' | 'warn' = 'info') {
  const lines: string[] = [];
  const logger = pinoLogger({
    level: 'info',
    service: 'gateway',
    region: 'us-east-1',
    task: 'task-1',
    destination: { write: (line) => void lines.push(line) },
  });
  logger[level](fields, message);
  logger.debug(fields, 'below the level');
  expect(lines).toHaveLength(1);
  return { text: lines[0] ?? '', line: JSON.parse(lines[0] ?? '') as Record<string, unknown> };
}

describe('pinoLogger', () => {
  it('says who wrote the line, when, and how serious it is', () => {
    const { line } = logged({ chargeId: 'ch_1', durationMs: 12 }, 'charge settled', 'warn');
    expect(line).toMatchObject({
      level: 'warn',
      service: 'gateway',
      region: 'us-east-1',
      task: 'task-1',
      chargeId: 'ch_1',
      durationMs: 12,
      msg: 'charge settled',
    });
    expect(new Date(String(line.time)).toISOString()).toBe(line.time);
  });

  it.each([
    'authorization',
    'Authorization',
    'payment_method',
    'paymentMethod',
    'apiKey',
    'api_key',
    'X-Api-Key',
    'stripe-signature',
    'STRIPE_SECRET_KEY',
    'password',
    'client_secret',
    'DATABASE_URLS',
  ])('never writes the value of %s, at whatever depth', (name) => {
    const secret = 'very-secret-value';
    const { text } = logged({
      [name]: secret,
      request: { headers: [{ [name]: secret }], deep: { deeper: { deepest: { [name]: { in: secret } } } } },
    });
    expect(text).not.toContain(secret);
    expect(text).toContain('[redacted]');
  });

  it.each([
    'sk_live_51Habc',
    'sk_test_local',
    'whsec_local',
    'pm_card_visa',
    'Bearer demo_tenant_a_key',
    'postgresql://gateway:hunter2@db:5432/keys',
  ])('takes %s out of a text', (secret) => {
    const { text, line } = logged({ reason: `refused: ${secret} is not valid` });
    const confidential = secret.startsWith('postgresql') ? 'hunter2' : secret;
    expect(text).not.toContain(confidential);
    expect(line.reason).toMatch(/^refused: .*\[redacted\].* is not valid$/);
  });

  it('writes an error with its causes and members, and without secrets', () => {
    const cause = Object.assign(new Error('401 for sk_live_51Habc'), {
      code: 'ERR_AUTH',
      headers: { authorization: 'Basic c2VjcmV0' },
    });
    const { text, line } = logged({ err: new TypeError('the PSP refused', { cause }), chargeId: 'ch_1' });
    expect(line).toMatchObject({
      chargeId: 'ch_1',
      err: {
        type: 'TypeError',
        message: 'the PSP refused',
        stack: expect.stringContaining('pino-logger.test'),
        cause: { type: 'Error', code: 'ERR_AUTH', message: '401 for [redacted]' },
      },
    });
    expect(text).not.toContain('sk_live_51Habc');
    expect(text).not.toContain('c2VjcmV0');
  });

  it('writes what goes in circles, and what is very deep, without an end of its own', () => {
    const circle: Record<string, unknown> = { name: 'circle' };
    circle.self = circle;
    let deep: object = { end: true };
    for (let depth = 0; depth < 50; depth += 1) deep = { deep };
    const { text } = logged({ circle, deep, buffer: Buffer.from('card number') });
    expect(text.length).toBeLessThan(1_000);
    expect(text).toContain('[truncated]');
  });

  it('leaves identifiers, numbers and dates as they are', () => {
    const fields = {
      chargeId: 'ch_0123',
      idempotencyKey: '8e03978e-40d5-43dd-bc93-6894a57f9324',
      epoch: 2 ** 40 + 1,
      at: new Date('2026-11-22T10:00:00.000Z'),
      missing: null,
    };
    expect(logged(fields).line).toMatchObject({ ...fields, at: '2026-11-22T10:00:00.000Z' });
  });
});
