/** A payment method of the simulator that a person can choose, in words. */
export interface Scenario {
  readonly paymentMethod: string;
  readonly label: string;
  /** What to expect. */
  readonly hint: string;
}

export interface ScenarioGroup {
  readonly label: string;
  readonly psp: 'stripe' | 'braintree';
  readonly scenarios: readonly Scenario[];
}

const scenario = (paymentMethod: string, label: string, hint: string): Scenario => ({
  paymentMethod,
  label,
  hint,
});

/** Every kind of charge that the simulator can be made to play, with what becomes of it (its README has the rules). */
export const SCENARIO_GROUPS: readonly ScenarioGroup[] = [
  {
    label: 'It works',
    psp: 'stripe',
    scenarios: [
      scenario('pm_card_visa', 'Approved', 'Settled in some milliseconds.'),
      scenario(
        'pm_sim_slow',
        'Approved, slowly',
        'The PSP takes two seconds: time to send a duplicate or to kill a task.',
      ),
      scenario(
        'pm_sim_processing',
        'Processing at first',
        'The PSP says “processing”. You get 202; recovery settles it.',
      ),
    ],
  },
  {
    label: 'The card is refused',
    psp: 'stripe',
    scenarios: [
      scenario('pm_card_chargeDeclined', 'Declined', '402, and for ever the same answer.'),
      scenario('pm_card_chargeDeclinedInsufficientFunds', 'Insufficient funds', '402 with the decline code.'),
      scenario(
        'pm_card_authenticationRequired',
        'Wants 3-D Secure',
        'Nobody is there to authenticate: declined.',
      ),
    ],
  },
  {
    label: 'It charges, and we do not hear of it',
    psp: 'stripe',
    scenarios: [
      scenario(
        'pm_sim_no_answer_after_charge',
        'Charged, connection lost',
        'Asked again under the same key, the PSP gives its saved answer.',
      ),
      scenario(
        'pm_sim_hang_after_charge',
        'Charged, no answer ever',
        'The attempt times out; the next one gets the saved answer.',
      ),
      scenario(
        'pm_sim_error_after_charge',
        'Charged, then 500 for ever',
        'Only a look-up by metadata shows the charge. You get 202, recovery settles it.',
      ),
      scenario(
        'pm_sim_proxy_error_after_charge',
        'Charged, a proxy says 502',
        'The same key then gives the saved approval.',
      ),
    ],
  },
  {
    label: 'It fails before it charges',
    psp: 'stripe',
    scenarios: [
      scenario(
        'pm_sim_error_before_charge',
        '500 for ever, nothing charged',
        'Looked up until its absence counts (10 s), then voided.',
      ),
      scenario('pm_sim_error_once', '503 once', 'The next attempt is approved.'),
      scenario('pm_sim_no_answer_before_charge', 'Connection lost once', 'The next attempt is approved.'),
      scenario('pm_sim_rate_limited', '429 once', 'The next attempt is approved.'),
    ],
  },
  {
    label: 'It has to be undone',
    psp: 'stripe',
    scenarios: [
      scenario(
        'pm_sim_partial_approval',
        'Half of the amount approved',
        'Refunded and voided: never a charge of another amount.',
      ),
      scenario(
        'pm_sim_void_fails_once',
        'Half approved, refund fails once',
        'Voiding is repeated until it holds.',
      ),
    ],
  },
  {
    label: 'Braintree, which has no idempotency keys',
    psp: 'braintree',
    scenarios: [
      scenario('bt_token_card_visa', 'Approved', 'Submitted for settlement; settled here.'),
      scenario('bt_token_card_declined_2001', 'Declined', 'Code 2001, insufficient funds.'),
      scenario(
        'bt_token_sim_no_answer_after_charge',
        'Charged, connection lost',
        'Never sent twice at once: found again by its order id.',
      ),
      scenario('bt_token_sim_slow', 'Approved, slowly', 'Time to kill a task.'),
    ],
  },
  {
    label: 'Anything',
    psp: 'stripe',
    scenarios: [
      scenario('pm_sim_random_chaos', 'A fault by chance', 'By the key: the same key meets the same fault.'),
    ],
  },
];

/** A payment method in words; undefined for one that is in no list. */
export function scenarioLabel(paymentMethod: string): string | undefined {
  return SCENARIO_GROUPS.flatMap(({ scenarios }) => scenarios).find(
    (one) => one.paymentMethod === paymentMethod,
  )?.label;
}
