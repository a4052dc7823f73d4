import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { fuzz, fuzzTimeoutMs } from '../../support/fuzz.ts';
import { budgetOf, chargeRequest, stripeProvider } from '../psp/psp-fixtures.ts';
import { AnsweringServer, type Answer } from './answering-server.ts';
import { jsonOf, oddAnswers } from './odd-answers.ts';
import { without } from './odd-values.ts';
import { stripeAnswer, stripeError, stripeIntent, STRIPE_MODELS } from './stripe-models.ts';

type Members = Readonly<Record<string, unknown>>;

/** Whose charge it is; its answers are models of what is changed. */
const REQUEST = chargeRequest({ chargeId: 'ch_00000000000000000000000000000001' });
const answers = oddAnswers({
  contentType: 'application/json',
  serialise: (value) => JSON.stringify(value),
  models: STRIPE_MODELS,
});

function membersOf(value: unknown): Members {
  return typeof value === 'object' && value !== null ? (value as Members) : {};
}

/** What Stripe's reference says of a PaymentIntent, read anew. */
function isIntent(answer: Answer, id?: string): boolean {
  const { object, id: itsId, status, amount_received, currency, metadata } = membersOf(jsonOf(answer));
  const mark = membersOf(metadata).charge_once_charge_id;
  return (
    answer.status >= 200 &&
    answer.status < 300 &&
    object === 'payment_intent' &&
    typeof itsId === 'string' &&
    (id === undefined || itsId === id) &&
    typeof status === 'string' &&
    Number.isSafeInteger(amount_received) &&
    typeof currency === 'string' &&
    currency.length === 3 &&
    (mark === undefined || mark === REQUEST.chargeId || id !== undefined)
  );
}

/** Stripe's own refusal, for good. */
function isFinalError(answer: Answer): boolean {
  const { type } = membersOf(membersOf(jsonOf(answer)).error);
  const isOfStripe = type === 'card_error' || type === 'invalid_request_error' || type === 'api_error';
  return (
    isOfStripe &&
    answer.status >= 400 &&
    answer.status < 500 &&
    ![401, 403, 408, 409, 424, 429].includes(answer.status)
  );
}

/** Whether a PaymentIntent says that nothing of it stands, or ever will. */
function isOver(answer: Answer): boolean {
  const { status, last_payment_error: failure } = membersOf(jsonOf(answer));
  return status === 'canceled' || status === 'succeeded' || (typeof failure === 'object' && failure !== null);
}

describe('whatever Stripe answers', () => {
  let server: AnsweringServer;
  beforeAll(async () => {
    server = await AnsweringServer.start();
  });
  afterAll(() => server.stop());

  /** Answers a create, a search and whatever is about one PaymentIntent. */
  const answering = (create: Answer, search: Answer, one: Answer) => {
    server.answer = ({ method, path }) => {
      if (path.startsWith('/v1/payment_intents/search')) return search;
      return method === 'POST' && path === '/v1/payment_intents' ? create : one;
    };
  };

  it(
    'a create is approved or declined only by an answer that says so',
    async () => {
      await fc.assert(
        fc.asyncProperty(answers, answers, async (create, live) => {
          answering(create, create, live);
          const outcome = await stripeProvider(server.url).charge(REQUEST, budgetOf(5_000));
          if (outcome.kind === 'approved') {
            const says = outcome.replayed && isIntent(live) ? [create, live] : [create];
            expect(says.some((answer) => isIntent(answer))).toBe(true);
            expect(says.map((answer) => membersOf(jsonOf(answer)).id)).toContain(outcome.pspChargeId);
            expect(Number.isSafeInteger(outcome.amountMinor)).toBe(true);
          }
          if (outcome.kind === 'declined') {
            expect(isFinalError(create) || (isIntent(create) && isIntent(live) && isOver(live))).toBe(true);
            expect(outcome.declineCode).toMatch(/^[\w.-]{1,100}$/);
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
          answering(search, search, live);
          const psp = stripeProvider(server.url);
          const retrieved = await psp.retrieve('pi_1', budgetOf(5_000));
          if (retrieved.kind === 'found') expect(isIntent(live, 'pi_1')).toBe(true);
          if (retrieved.kind === 'absent') {
            expect([live.status, membersOf(membersOf(jsonOf(live)).error).code]).toEqual([
              404,
              'resource_missing',
            ]);
          }
          const found = await psp.lookup(REQUEST, budgetOf(5_000));
          const { object, data } = membersOf(jsonOf(search));
          if (found.kind === 'unknown') return;
          expect([search.status < 300, object, Array.isArray(data)]).toEqual([true, 'search_result', true]);
          if (found.kind === 'absent') expect(data).toEqual([]);
          else expect(isIntent(live)).toBe(true);
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
          const outcome = await stripeProvider(server.url).void(REQUEST, 'pi_1', budgetOf(5_000));
          if (outcome.kind !== 'unknown') expect(isIntent(live, 'pi_1') && isOver(live)).toBe(true);
        }),
        fuzz(150),
      );
    },
    fuzzTimeoutMs(),
  );

  describe('an example that fuzzing found', () => {
    const intent = stripeIntent();

    it.each<[string, Answer]>([
      ["a proxy's 400", stripeAnswer(400, { error: 'invalid_client' })],
      [
        "somebody else's 404",
        stripeAnswer(404, { error: { code: 404, message: 'no', status: 'NOT_FOUND' } }),
      ],
      ['a success without an amount', stripeAnswer(200, without(intent, 'amount_received'))],
      ['a success without an id', stripeAnswer(200, without(intent, 'id'))],
      ['a success of another kind of object', stripeAnswer(200, { ...intent, object: 'charge' })],
      ['an amount that is a text', stripeAnswer(200, { ...intent, amount_received: '1999' })],
      [
        "another charge's success",
        stripeAnswer(200, { ...intent, metadata: { charge_once_charge_id: 'ch_another' } }),
      ],
    ])('settles and declines nothing: %s', async (_name, answer) => {
      answering(answer, answer, answer);
      const outcome = await stripeProvider(server.url).charge(REQUEST, budgetOf(5_000));
      expect(outcome).toEqual({
        kind: 'unknown',
        reason: 'unreadable-answer',
        answeredWithServerError: false,
      });
    });

    it('a code that is no code is not passed on', async () => {
      const answer = stripeAnswer(
        402,
        stripeError('card_error', { code: 'x\u0000y', decline_code: { a: 1 } }),
      );
      answering(answer, answer, answer);
      const outcome = await stripeProvider(server.url).charge(REQUEST, budgetOf(5_000));
      expect(outcome).toMatchObject({ kind: 'declined', declineCode: 'card_error', pspChargeId: undefined });
    });

    it.each<[string, Answer]>([
      [
        'a success that does not say what was received',
        stripeAnswer(200, without(intent, 'amount_received')),
      ],
      ['a cancelled one under another id', stripeAnswer(200, { ...intent, id: 'pi_2', status: 'canceled' })],
    ])('is no void that holds: %s', async (_name, live) => {
      answering(live, live, live);
      const outcome = await stripeProvider(server.url).void(REQUEST, 'pi_1', budgetOf(5_000));
      expect(outcome).toEqual({ kind: 'unknown', reason: 'unreadable-answer' });
    });

    it.each<[string, Answer, Answer]>([
      [
        'a list of another kind',
        stripeAnswer(200, { object: 'list', data: [], has_more: false }),
        stripeAnswer(200, intent),
      ],
      [
        'an empty page with more behind it',
        stripeAnswer(200, { object: 'search_result', data: [], has_more: true }),
        stripeAnswer(200, intent),
      ],
      [
        'found, and then not there',
        stripeAnswer(200, { object: 'search_result', data: [intent], has_more: false }),
        stripeAnswer(404, stripeError('invalid_request_error', { code: 'resource_missing' })),
      ],
    ])('is no absence: %s', async (_name, search, live) => {
      answering(search, search, live);
      const found = await stripeProvider(server.url).lookup(REQUEST, budgetOf(5_000));
      expect(found.kind).toBe('unknown');
    });

    it("a proxy's 404 is no absence either", async () => {
      const answer = stripeAnswer(404, { error: { code: 404, message: 'no' } });
      answering(answer, answer, answer);
      expect((await stripeProvider(server.url).retrieve('pi_1', budgetOf(5_000))).kind).toBe('unknown');
    });

    it('an intent that does not mention a card error has none', async () => {
      const open = without(stripeIntent({ status: 'requires_confirmation' }), 'last_payment_error');
      const answer = stripeAnswer(200, open);
      answering(answer, answer, answer);
      const retrieved = await stripeProvider(server.url).retrieve('pi_1', budgetOf(5_000));
      expect(retrieved).toMatchObject({ kind: 'found', charge: { state: 'pending' } });
    });
  });
});
