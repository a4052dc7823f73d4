import { gzipSync } from 'node:zlib';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import type { BraintreePaymentServiceProvider } from '#gateway/psp/braintree-payment-service-provider';
import { pspKeyOf } from '#gateway/psp/psp-key';

import { fixedPspCredentials } from '../../support/fixed-psp-credentials.ts';
import { fuzz, fuzzTimeoutMs } from '../../support/fuzz.ts';
import { braintreeAt } from '../../support/psp-providers.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';
import { RecordingMetrics } from '../../support/recording-metrics.ts';
import { budgetOf, chargeRequest, systemClock } from '../psp/psp-fixtures.ts';
import { AnsweringServer, type Answer } from './answering-server.ts';
import {
  braintreeAnswer,
  braintreeModels,
  braintreeSale,
  invalid,
  xmlOf,
  type Element,
} from './braintree-models.ts';
import { oddAnswers } from './odd-answers.ts';
import { without } from './odd-values.ts';

const REQUEST = chargeRequest({ paymentMethod: 'bt_token_card_visa' });
const ORDER_ID = pspKeyOf(REQUEST, 'charge');
const answers = oddAnswers({
  contentType: 'application/xml',
  serialise: (value) => xmlOf(JSON.parse(JSON.stringify(value)) as Element),
  models: braintreeModels(ORDER_ID),
});
const CAME_TO_NOTHING = /<status>(processor_declined|gateway_rejected|failed|settlement_declined)<\/status>/;

function textOf({ body }: Answer): string {
  return body.toString('utf8');
}

/** What Braintree's reference says of a transaction, read anew. */
function isSale(answer: Answer, ...members: readonly string[]): boolean {
  const text = textOf(answer);
  const needed = ['<transaction>', '<type>sale</type>', '<currency-iso-code>', '<status>', ...members];
  return [200, 201, 422].includes(answer.status) && needed.every((member) => text.includes(member));
}

describe('whatever Braintree answers', () => {
  let server: AnsweringServer;
  let psp: BraintreePaymentServiceProvider;
  beforeAll(async () => {
    server = await AnsweringServer.start();
    const credentials = { merchantId: 'merchant', publicKey: 'public', privateKey: 'private' };
    psp = braintreeAt({
      ...{ apiBase: server.url, credentials: fixedPspCredentials(credentials), timeoutMs: 2_000 },
      ...{ clock: systemClock, logger: new RecordingLogger(), metrics: new RecordingMetrics() },
    });
  });
  afterAll(() => server.stop());

  const answering = (search: Answer, one: Answer) => {
    server.answer = ({ path }) => (path.endsWith('/advanced_search_ids') ? search : one);
  };

  it(
    'a sale is approved or declined only by an answer that says so',
    async () => {
      await fc.assert(
        fc.asyncProperty(answers, async (create) => {
          answering(create, create);
          const outcome = await psp.charge(REQUEST, budgetOf(5_000));
          if (outcome.kind === 'approved') {
            expect(isSale(create, ORDER_ID, `<id>${outcome.pspChargeId}</id>`)).toBe(true);
            expect(CAME_TO_NOTHING.test(textOf(create))).toBe(false);
          }
          if (outcome.kind === 'declined') {
            const isInvalid =
              /<code>\d+<\/code>/.test(textOf(create)) && [200, 201, 422].includes(create.status);
            const isDeclined = isSale(create, ORDER_ID) && CAME_TO_NOTHING.test(textOf(create));
            expect(isInvalid || isDeclined).toBe(true);
            expect(outcome.declineCode).toMatch(/^\w{1,130}$/);
          }
        }),
        fuzz(250),
      );
    },
    fuzzTimeoutMs(),
  );

  it(
    'a charge is found, or absent, only by an answer that says so',
    async () => {
      await fc.assert(
        fc.asyncProperty(answers, answers, async (search, live) => {
          answering(search, live);
          const retrieved = await psp.retrieve('bt1', budgetOf(5_000));
          if (retrieved.kind === 'found') expect(isSale(live, '<id>bt1</id>')).toBe(true);
          if (retrieved.kind === 'absent') expect(live.status).toBe(404);
          const found = await psp.lookup(REQUEST, budgetOf(5_000));
          if (found.kind === 'unknown') return;
          expect(textOf(search)).toContain('<search-results>');
          if (found.kind === 'found') expect(isSale(live, ORDER_ID)).toBe(true);
          else
            expect(
              textOf(search).includes('<ids type="array"></ids>') || textOf(live).includes('duplicate'),
            ).toBe(true);
        }),
        fuzz(150),
      );
    },
    fuzzTimeoutMs(),
  );

  it(
    'a void holds only by a live read that says so',
    async () => {
      await fc.assert(
        fc.asyncProperty(answers, answers, async (changing, live) => {
          server.answer = ({ method }) => (method === 'GET' ? live : changing);
          const outcome = await psp.void(REQUEST, 'bt1', budgetOf(5_000));
          if (outcome.kind === 'unknown') return;
          expect(isSale(live, '<id>bt1</id>')).toBe(true);
          const isOver = /<status>voided<|<refund-ids type="array"><item>/.test(textOf(live));
          expect(isOver || CAME_TO_NOTHING.test(textOf(live))).toBe(true);
        }),
        fuzz(150),
      );
    },
    fuzzTimeoutMs(),
  );

  describe('an example that fuzzing found', () => {
    const unreadable = { kind: 'unknown', reason: 'unreadable-answer', answeredWithServerError: false };
    const json = { 'Content-Type': 'application/json' };
    const saleWithout = (name: string): Element => ({ transaction: without(braintreeSale(ORDER_ID), name) });

    it.each<[string, Answer]>([
      // The package parses it in an event handler: this used to end the process.
      ['JSON that is none', { status: 200, headers: json, body: Buffer.from('{"a":') }],
      [
        'a gzip of JSON that is none',
        { status: 200, headers: { ...json, 'Content-Encoding': 'gzip' }, body: gzipSync('{') },
      ],
      ['an empty answer', { status: 201, headers: {}, body: Buffer.alloc(0) }],
      [
        "a proxy's page",
        { status: 422, headers: { 'Content-Type': 'text/html' }, body: Buffer.from('<p>no') },
      ],
      ['a refusal that says nothing', braintreeAnswer(422, { 'api-error-response': { message: 'no' } })],
      ['a refusal with a text for a number', braintreeAnswer(422, invalid('constructor'))],
      ["another charge's sale", braintreeAnswer(201, { transaction: braintreeSale('another') })],
      ['a sale without an amount', braintreeAnswer(201, saleWithout('amount'))],
      ['a sale without a currency', braintreeAnswer(201, saleWithout('currency-iso-code'))],
    ])('settles and declines nothing: %s', async (_name, answer) => {
      answering(answer, answer);
      expect(await psp.charge(REQUEST, budgetOf(5_000))).toEqual(unreadable);
    });

    it('a status that is the name of something in JavaScript is one that is not known', async () => {
      const answer = braintreeAnswer(201, {
        transaction: braintreeSale(ORDER_ID, { status: 'constructor' }),
      });
      answering(answer, answer);
      expect(await psp.charge(REQUEST, budgetOf(5_000))).toEqual({
        ...unreadable,
        reason: 'still-processing',
      });
    });

    it('a refusal that carries an approved sale is no decline', async () => {
      const answer = braintreeAnswer(422, {
        'api-error-response': { errors: { errors: [] }, transaction: braintreeSale(ORDER_ID) },
      });
      answering(answer, answer);
      expect(await psp.charge(REQUEST, budgetOf(5_000))).toMatchObject({ kind: 'approved' });
    });

    it('what was found and is not there is no absence', async () => {
      const found = braintreeAnswer(200, { 'search-results': { 'page-size': 50, ids: ['bt1'] } });
      answering(found, braintreeAnswer(404, { nothing: '' }));
      expect(await psp.lookup(REQUEST, budgetOf(5_000))).toEqual({
        kind: 'unknown',
        reason: 'charge-not-found',
      });
    });

    it('a read never throws, whatever is missing', async () => {
      const answer = braintreeAnswer(200, saleWithout('currency-iso-code'));
      answering(answer, answer);
      expect(await psp.retrieve('bt1', budgetOf(5_000))).toEqual({
        kind: 'unknown',
        reason: 'unreadable-answer',
      });
    });

    it('an answer without an end is given up at a bound', async () => {
      const body = Buffer.alloc(6 * 1024 * 1024, ' ');
      const answer = { status: 201, headers: { 'Content-Type': 'application/xml' }, body };
      answering(answer, answer);
      expect(await psp.charge(REQUEST, budgetOf(5_000))).toEqual(unreadable);
    });
  });
});
