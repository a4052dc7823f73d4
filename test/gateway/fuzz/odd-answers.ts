import { gzipSync } from 'node:zlib';

import fc from 'fast-check';

import { almost, oddValue } from './odd-values.ts';
import type { Answer } from './answering-server.ts';

const STATUSES = [
  ...[200, 200, 200, 201, 202, 203, 204, 206, 300, 301, 302, 304, 307],
  ...[
    400, 400, 401, 402, 402, 403, 404, 404, 405, 407, 408, 409, 410, 413, 418, 421, 422, 422, 423, 424, 425,
    426,
  ],
  ...[429, 431, 451, 499, 500, 501, 502, 503, 504, 505, 511, 520, 599],
];

/** What stands between us and a PSP says such things, with any status. */
const OF_OTHERS = [
  '<html><body><h1>502 Bad Gateway</h1></body></html>',
  '{"message":"Forbidden"}',
  '{"error":"invalid_client","error_description":"no"}',
  '{"error":{"code":404,"message":"Not found","status":"NOT_FOUND"}}',
  '{"error":true}',
  '{"error":null}',
  '{"error":[]}',
  '{"error":{}}',
  '{"errors":[{"message":"no"}]}',
  '{"object":"list","data":[],"has_more":false}',
  '<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
  '<api-error-response><message>no</message></api-error-response>',
  '<transaction/>',
  '<search-results/>',
  '{"amount":1,"amount":2,"id":"a","id":"b"}',
  '',
  ' ',
  'null',
  '"succeeded"',
  '[]',
  '\ufeff{}',
];

const DEEP = 20_000;
const HUGE = Buffer.alloc(5 * 1024 * 1024, 'x');
const large: fc.Arbitrary<Buffer> = fc.constantFrom(
  HUGE,
  Buffer.from('['.repeat(DEEP) + ']'.repeat(DEEP)),
  Buffer.from('{"a":'.repeat(DEEP) + '1' + '}'.repeat(DEEP)),
  Buffer.from('<a>'.repeat(2_000) + '</a>'.repeat(2_000)),
);

const foreignBody: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...OF_OTHERS).map((text) => Buffer.from(text)) },
  { weight: 3, arbitrary: oddValue.map((value) => Buffer.from(JSON.stringify(value))) },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
);

const foreign = fc.record({ status: fc.constantFrom(...STATUSES), body: foreignBody });

/** Answers that are none of the PSP's, and no 5xx, after which an absence counts (protocol rule 4). */
export function foreignAnswers(contentType: string): fc.Arbitrary<Answer> {
  const headers = fc.constantFrom({ 'Content-Type': contentType }, { 'Content-Type': 'text/html' });
  return fc
    .tuple(foreign, headers)
    .filter(([{ status }]) => status < 500)
    .map(([{ status, body }, given]) => readable({ status, headers: given, body }));
}

export interface OddAnswersOptions {
  readonly contentType: string;
  readonly serialise: (value: unknown) => string;
  /** What the PSP does answer, and errors of its own: what is almost one of them hurts most. */
  readonly models: readonly { readonly status: number; readonly value: unknown }[];
}

/** Answers of a PSP, or of what stands in front of it: some are right, most are not. */
export function oddAnswers({ contentType, serialise, models }: OddAnswersOptions): fc.Arbitrary<Answer> {
  const modelled = fc.oneof(
    ...models.map(({ status, value }) =>
      fc.record({
        status: fc.oneof({ weight: 5, arbitrary: fc.constant(status) }, fc.constantFrom(...STATUSES)),
        body: almost(value).map((changed) => Buffer.from(serialise(changed))),
      }),
    ),
  );
  const content = fc.oneof({ weight: 8, arbitrary: modelled }, { weight: 4, arbitrary: foreign });
  const headers = fc.oneof(
    { weight: 6, arbitrary: fc.constant<Record<string, string>>({ 'Content-Type': contentType }) },
    fc.constantFrom<Record<string, string>>(
      {},
      { 'Content-Type': 'text/html' },
      { 'Content-Type': 'application/json' },
      { 'Content-Type': 'application/xml; charset=utf-16' },
      { 'Content-Type': contentType, 'Content-Encoding': 'gzip' },
      { 'Content-Type': contentType, 'Idempotent-Replayed': 'true' },
      { 'Content-Type': contentType, Location: 'http://127.0.0.1:1/' },
    ),
  );
  const cut = fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, fc.nat({ max: 300 }));
  const whole = fc.tuple(content, headers, cut).map(([{ status, body }, given, cutAfterBytes]) => {
    // A gzip that is one, half of the time.
    const packed = given['Content-Encoding'] !== undefined && body.length % 2 === 0 ? gzipSync(body) : body;
    return readable({ status, headers: given, body: packed, cutAfterBytes });
  });
  const enormous = fc
    .tuple(fc.constantFrom(200, 201, 400, 422, 500), large)
    .map(([status, body]) => readable({ status, headers: { 'Content-Type': contentType }, body }));
  return fc.oneof({ weight: 60, arbitrary: whole }, { weight: 1, arbitrary: enormous });
}

/** The body as JSON; undefined for what is none. */
export function jsonOf({ body }: Answer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** Shown as text, in part, where it is the example of a failure. */
function readable(answer: Answer): Answer {
  const { status, headers, body, cutAfterBytes } = answer;
  const text = body.subarray(0, 1_000).toString('utf8');
  const shown = () => JSON.stringify({ status, headers, text, cutAfterBytes });
  return { ...answer, [fc.toStringMethod]: shown } as Answer;
}
