import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { DEFAULT_PSP_ACCOUNT } from '#contract/psp-accounts';
import type { GateAnswer } from '#gateway/idempotency/charge-gate';
import { FixedPspDirectory } from '#gateway/psp/fixed-psp-directory';
import type { PaymentServiceProvider } from '#gateway/psp/payment-service-provider';
import {
  resilienceLimits,
  ResilientPaymentServiceProvider,
} from '#gateway/psp/resilient-payment-service-provider';
import type { SagaPorts } from '#gateway/saga/saga-ports';

import { decorated } from '../../support/decorated-port.ts';
import { eventually } from '../../support/eventually.ts';
import { fixedPspCredentials } from '../../support/fixed-psp-credentials.ts';
import { fuzz, fuzzTimeoutMs } from '../../support/fuzz.ts';
import { braintreeAt, stripeAt } from '../../support/psp-providers.ts';
import { SagaHarness } from '../../support/saga-harness.ts';
import { AnsweringServer, type Answer } from './answering-server.ts';
import { foreignAnswers } from './odd-answers.ts';

/** Several attempts and a look-up each; a charge that nobody answers uses all of its time. */
const SETTINGS = { leaseMs: 4_000, pspTimeoutMs: 500 };
const STRIPE = fixedPspCredentials({ secretKey: 'sk_test_local', webhookSecrets: [] });
const BRAINTREE = fixedPspCredentials({
  ...{ merchantId: 'merchant', publicKey: 'public', privateKey: 'private' },
});
const PSPS = {
  stripe: {
    contentType: 'application/json',
    paymentMethod: 'pm_card_visa',
    at: (apiBase: string, { clock, logger, metrics }: SagaPorts) =>
      stripeAt({
        ...{ apiBase, credentials: STRIPE, timeoutMs: SETTINGS.pspTimeoutMs, clock, logger, metrics },
      }),
  },
  braintree: {
    contentType: 'application/xml',
    paymentMethod: 'bt_token_card_visa',
    at: (apiBase: string, { clock, logger, metrics }: SagaPorts) =>
      braintreeAt({
        ...{ apiBase, credentials: BRAINTREE, timeoutMs: SETTINGS.pspTimeoutMs, clock, logger, metrics },
      }),
  },
} as const;

/** The ports of a task whose PSP is at `url`, under the name that the harness charges by. */
function withPspAt(url: string, pspAt: (url: string, ports: SagaPorts) => PaymentServiceProvider) {
  return (ports: SagaPorts): SagaPorts => {
    const limits = resilienceLimits(SETTINGS.pspTimeoutMs);
    const resilient = new ResilientPaymentServiceProvider(pspAt(url, ports), limits, ports);
    const psp = decorated<PaymentServiceProvider>(resilient, { name: 'stripe' });
    return { ...ports, psps: new FixedPspDirectory([{ pspAccount: DEFAULT_PSP_ACCOUNT, psp }]) };
  };
}

describe('a PSP whose answers are not its own', () => {
  let harness: SagaHarness;
  beforeAll(async () => {
    harness = await SagaHarness.start();
  });
  afterAll(() => harness.stop());

  async function chargedWith(psp: (typeof PSPS)[keyof typeof PSPS], answer: Answer) {
    const server = await AnsweringServer.start();
    try {
      server.answer = () => answer;
      const key = harness.newKey();
      const { paymentMethod } = psp;
      const task = harness.task({ settings: SETTINGS, decorate: withPspAt(server.url, psp.at) });
      const given = await accepted(() => task.submit({ key, paymentMethod }));
      const before = await harness.ledgerStates(key);
      // Then the PSP is itself again. Braintree is not asked twice within its bound.
      const healed = harness.task({ settings: SETTINGS, decorate: withPspAt(harness.psp.url, psp.at) });
      return {
        answer: String(answer.body),
        given,
        before,
        later: () => healed.submit({ key, paymentMethod }),
        key,
      };
    } finally {
      await server.stop();
    }
  }

  /** A 503 says that a store was too slow, on a machine with much to do: nothing was begun, and the PSP was not asked. */
  const accepted = (submit: () => Promise<GateAnswer>) =>
    eventually(
      'a charge is taken',
      async () => {
        const answer = await submit();
        if (answer.kind !== 'refused') return answer;
        expect(answer.reason).toBe('store-unavailable');
        return undefined;
      },
      60_000,
    );

  /** Asks again, later than every bound, until there is an answer. */
  const endOf = ({ later, key }: Awaited<ReturnType<typeof chargedWith>>) =>
    eventually(
      'a terminal answer',
      async () => {
        harness.clock.shift(60_000);
        const answer = await later();
        return answer.kind === 'terminal' ? { response: answer.response, key } : undefined;
      },
      60_000,
    );

  it.each(Object.entries(PSPS))(
    'neither settles nor declines a charge, which is charged once when %s is itself again',
    async (_name, psp) => {
      const answers = fc.sample(foreignAnswers(psp.contentType), fuzz(8));
      const charges = await Promise.all(answers.map((answer) => chargedWith(psp, answer)));
      for (const { answer, given, before } of charges) {
        expect({ answer, kind: given.kind }).toEqual({ answer, kind: 'processing' });
        // On a slow machine its time may be over before it has begun.
        expect({ answer, isOpen: ['', 'RESERVED'].includes(before.join(' ')) }).toEqual({
          answer,
          isOpen: true,
        });
      }
      const later = await Promise.all(charges.map((charge) => endOf(charge)));
      for (const { response, key } of later) {
        expect(response.status).toBe(201);
        expect(await harness.ledgerStates(key)).toEqual(['RESERVED', 'SETTLED']);
        if (psp === PSPS.stripe) expect(await harness.netCharged(key)).toBe(1_999);
      }
    },
    fuzzTimeoutMs(),
  );
});
