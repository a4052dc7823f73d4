import { describe, expect, it } from '@jest/globals';

import { combineChargeOutcomes } from '#gateway/psp/combine-charge-outcomes';
import type { ChargeOutcome } from '#gateway/psp/payment-service-provider';

const approved: ChargeOutcome = {
  ...{ kind: 'approved', pspChargeId: 'pi_1', amountMinor: 1, currency: 'usd', replayed: true },
};
const declined: ChargeOutcome = { kind: 'declined', declineCode: 'generic_decline', pspChargeId: 'pi_1' };
const notExecuted: ChargeOutcome = { kind: 'not_executed', reason: 'rate-limited' };
const timeout: ChargeOutcome = { kind: 'unknown', reason: 'timeout', answeredWithServerError: false };
const serverError: ChargeOutcome = { kind: 'unknown', reason: 'server-error', answeredWithServerError: true };

describe('the outcome of several attempts', () => {
  it.each([
    ['the first attempt alone', undefined, notExecuted, notExecuted],
    ['an approval after silence', timeout, approved, approved],
    ['a decline after silence', timeout, declined, declined],
    ['a refusal after silence: still unknown', timeout, notExecuted, timeout],
    ['a refusal after a server error: still unknown, still an error', serverError, notExecuted, serverError],
    ['silence after a server error: no error to rely on', serverError, timeout, timeout],
    ['a server error after silence', timeout, serverError, serverError],
    ['silence after a refusal', notExecuted, timeout, timeout],
    ['a refusal after a refusal', notExecuted, notExecuted, notExecuted],
  ])('is, for %s', (_what, earlier, latest, combined) => {
    expect(combineChargeOutcomes(earlier, latest)).toEqual(combined);
  });
});
