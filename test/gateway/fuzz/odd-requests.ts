import { randomUUID } from 'node:crypto';

import fc from 'fast-check';

import { API_KEY, chargeBody } from '../http/api-under-test.ts';
import { almost, oddText, oddValue } from './odd-values.ts';
import type { RawRequest } from './raw-request.ts';

const FULL_BODY = chargeBody({
  description: 'shoes',
  reference: 'order-1',
  metadata: { order_id: '6735', note: 'é𝒳' },
});
const DEEP = 15_000;

/** A value for a header: whatever bytes, but for those that end the header. */
const headerText = oddText.map((text) =>
  Buffer.from(text)
    .toString('latin1')
    .replace(/[\r\n\0]/g, ''),
);

const bodies: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 10, arbitrary: almost(FULL_BODY).map((value) => Buffer.from(JSON.stringify(value))) },
  { weight: 2, arbitrary: oddValue.map((value) => Buffer.from(JSON.stringify(value))) },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      Buffer.from('['.repeat(DEEP) + ']'.repeat(DEEP)),
      Buffer.from('{"metadata":'.repeat(4_000)),
      Buffer.from('x'.repeat(70_000)),
      Buffer.from(JSON.stringify({ ...FULL_BODY, description: 'x'.repeat(65_000) })),
      Buffer.from(JSON.stringify(FULL_BODY), 'utf16le'),
      Buffer.from(`\ufeff${JSON.stringify(FULL_BODY)}`),
      Buffer.from(
        '{"amount":1,"amount":1999,"currency":"usd","currency":"eur","payment_method":"pm_card_visa"}',
      ),
      Buffer.from(
        '{"amount":1999,"currency":"usd","payment_method":"pm_card_visa","__proto__":{"amount":1}}',
      ),
      Buffer.from('{"amount":1e400,"currency":"usd","payment_method":"pm_card_visa"}'),
      Buffer.from('{"amount":1999.0,"currency":"usd","payment_method":"pm_card_visa"}'),
      Buffer.from('{"amount":1999,"currency":"usd","payment_method":"pm_card_visa","description":"\\ud800"}'),
      Buffer.from('{"amount":1999,"currency":"usd","payment_method":"pm_card_visa","reference":"\\u0000"}'),
      Buffer.from([...Buffer.from('{"description":"'), 0xc3, 0x28, ...Buffer.from('"}')]),
      Buffer.alloc(0),
    ),
  },
);

const methods = fc.oneof(
  { weight: 8, arbitrary: fc.constant('POST') },
  fc.constantFrom(
    'GET',
    'HEAD',
    'PUT',
    'DELETE',
    'PATCH',
    'OPTIONS',
    'TRACE',
    'PROPFIND',
    'PURGE',
    'M-SEARCH',
  ),
);

const targets = fc.oneof(
  { weight: 10, arbitrary: fc.constant('/v1/charges') },
  fc.constantFrom(
    ...[
      '/v1/charges/',
      '/V1/charges',
      '//v1/charges',
      '/v1//charges',
      '/v1/charges?amount=1',
      '/v1/charges#x',
    ],
    ...[
      '/v1/charges/ch_00000000000000000000000000000001',
      '/v1/charges/ch_1',
      '/v1/charges/%ZZ',
      '/v1/charges/%00',
    ],
    ...[
      '/v1/charges/..%2f..%2fetc',
      '/v1/charges/__proto__',
      '/v1/charges/%c3%28',
      '/../../etc/passwd',
      '/%',
    ],
    ...[
      '/livez',
      '/readyz',
      '/openapi.json',
      '/docs/errors',
      '/console',
      '/v1/webhooks/stripe',
      '/v1/webhooks/braintree',
    ],
    ...[
      'http://localhost/v1/charges',
      'http://elsewhere/v1/charges',
      '*',
      '/' + 'x'.repeat(9_000),
      '/?' + 'a=1&'.repeat(2_000),
    ],
  ),
  oddText.map((text) => `/v1/charges/${encodeURIComponent(text.toWellFormed())}`.slice(0, 8_000)),
);

const idempotencyKeys: fc.Arbitrary<readonly string[]> = fc.oneof(
  { weight: 8, arbitrary: fc.constant(null).map(() => [randomUUID()]) },
  fc.constant(null).map(() => [`"${randomUUID().toUpperCase()}"`]),
  fc.constantFrom<readonly string[]>(
    [],
    [''],
    ['""'],
    ['"'],
    ['00000000-0000-0000-0000-000000000000'],
    ['a8098c1a-f86e-11da-bd1a-00112444be1e'],
    ['018f3f3e-7c1a-7b2e-8f6d-1c2d3e4f5a6b'],
    ['{0b1d6f0a-8f0e-4c64-9a2e-6f9c6b0d3c1a}'],
    ['0b1d6f0a-8f0e-4c64-9a2e-6f9c6b0d3c1a, 0b1d6f0a-8f0e-4c64-9a2e-6f9c6b0d3c1a'],
    ['0b1d6f0a-8f0e-4c64-9a2e-6f9c6b0d3c1a', '1b1d6f0a-8f0e-4c64-9a2e-6f9c6b0d3c1a'],
    ['0b1d6f0a-8f0e-4c64-9a2e-6f9c6b0d3c1a;p=1'],
    ['0'.repeat(4_000)],
  ),
  headerText.map((text) => [text]),
);

const rarely = <Value>(usual: Value, odd: fc.Arbitrary<Value>): fc.Arbitrary<Value> =>
  fc.oneof({ weight: 8, arbitrary: fc.constant(usual) }, odd);

const authorizations = rarely<readonly string[]>(
  [`Bearer ${API_KEY}`],
  fc.oneof(
    fc.constantFrom<readonly string[]>(
      ...[
        [],
        [''],
        ['Bearer'],
        ['Bearer '],
        ['Basic dGVzdDp0ZXN0'],
        [`bearer  ${API_KEY}`],
        [`Bearer ${API_KEY}, x`],
      ],
      ...[[`Bearer ${'k'.repeat(8_000)}`], [`Bearer ${API_KEY}`, `Bearer ${API_KEY}`], ['Bearer __proto__']],
    ),
    headerText.map((text) => [`Bearer ${text}`]),
  ),
);

const contentTypes = rarely<readonly string[]>(
  ['application/json'],
  fc.oneof(
    fc.constantFrom<readonly string[]>(
      ...[
        [],
        [''],
        ['text/plain'],
        ['application/json; charset=utf-16'],
        ['application/json; charset="UTF-8"'],
      ],
      ...[
        ['application/problem+json'],
        ['application/json, text/html'],
        ['multipart/form-data'],
        ['a/b/c'],
        [';'],
      ],
    ),
    headerText.map((text) => [text]),
  ),
);

const furtherHeaders: fc.Arbitrary<RawRequest['headers']> = fc.oneof(
  { weight: 6, arbitrary: fc.constant([]) },
  fc.constantFrom<RawRequest['headers']>(
    [['Content-Encoding', 'gzip']],
    [['Expect', '100-continue']],
    [['Expect', 'the unexpected']],
    [['X-Request-Id', '"><script>']],
    [['X-Request-Id', 'x'.repeat(2_000)]],
    [['Upgrade', 'websocket']],
    [['Cookie', 'a=b; '.repeat(1_000)]],
    [['X-Amzn-Trace-Id', 'Root=garbage;;;=;Sampled=2']],
    [['traceparent', '00-zz-zz-zz']],
    [['X-Forwarded-For', '1.2.3.4, '.repeat(500)]],
    Array.from({ length: 1_500 }, (_, index) => [`X-${index}`, 'y'] as const),
  ),
  headerText.map((text) => [['X-Odd', text]] as const),
);

/** Requests, of which one in a few is good: each part of it is wrong now and then. */
export const oddRequests: fc.Arbitrary<RawRequest> = fc
  .record({
    method: methods,
    target: targets,
    host: rarely<readonly string[]>(['localhost'], fc.constantFrom<readonly string[]>([], ['', ''], ['a b'])),
    authorization: authorizations,
    keys: idempotencyKeys,
    contentType: contentTypes,
    further: furtherHeaders,
    body: bodies,
  })
  .map(({ method, target, host, authorization, keys, contentType, further, body }) => {
    const named = (name: string, values: readonly string[]) => values.map((value) => [name, value] as const);
    const headers = [
      ...named('Host', host),
      ...named('Authorization', authorization),
      ...named('Idempotency-Key', keys),
      ...named('Content-Type', contentType),
      ...further,
      ['Content-Length', String(body.length)] as const,
    ];
    return readable({ method, target, headers, body });
  });

/** Shown as text, in part, where it is the example of a failure. */
function readable(request: RawRequest): RawRequest {
  const { method, target, headers, body } = request;
  const text = body.subarray(0, 500).toString('utf8');
  const shown = () =>
    JSON.stringify({ method, target: target.slice(0, 200), headers: headers.slice(0, 12), text });
  return { ...request, [fc.toStringMethod]: shown } as RawRequest;
}
