import { h } from 'preact';
import { useState } from 'preact/hooks';

/** @import {Choices} from './api.js' */

/** Currencies that are offered, with the digits of their minor unit. */
const CURRENCIES = new Map([
  ['usd', 2],
  ['eur', 2],
  ['gbp', 2],
  ['jpy', 0],
]);
const COPIES_AT_ONCE = 10;

/**
 * @param {{choices: Choices, send: (charge: object) => void}} props
 */
export function SendForm({ choices, send }) {
  const [paymentMethod, choosePaymentMethod] = useState('pm_card_visa');
  const [amount, setAmount] = useState('19.99');
  const [currency, setCurrency] = useState('usd');
  const [tenant, setTenant] = useState('tenant_a');
  const [isMany, setMany] = useState(false);
  const [isKilled, setKilled] = useState(false);
  const group = choices.scenarioGroups.find(({ scenarios }) =>
    scenarios.some((scenario) => scenario.paymentMethod === paymentMethod),
  );
  const scenario = group?.scenarios.find((one) => one.paymentMethod === paymentMethod);
  const tenants = choices.tenants.filter(({ pspName }) => pspName === group?.psp);
  const tenantId = tenants.some((one) => one.tenantId === tenant) ? tenant : tenants[0]?.tenantId;

  /** @param {Event} event */
  const submit = (event) => {
    event.preventDefault();
    const digits = CURRENCIES.get(currency) ?? 2;
    send({
      ...{ tenantId, currency, paymentMethod },
      amountMinor: Math.round(Number(amount) * 10 ** digits),
      copies: isMany ? COPIES_AT_ONCE : 1,
      killAtPsp: isKilled,
    });
  };

  return h(
    'form',
    { class: 'card send', onSubmit: submit },
    h('h2', {}, 'Send a charge'),
    h(
      'label',
      { class: 'field' },
      h('span', {}, 'What the PSP does'),
      h(
        'select',
        {
          name: 'payment-method',
          value: paymentMethod,
          onChange: (/** @type {any} */ event) => choosePaymentMethod(event.target.value),
        },
        choices.scenarioGroups.map(({ label, scenarios }) =>
          h(
            'optgroup',
            { label },
            scenarios.map((one) => h('option', { value: one.paymentMethod }, one.label)),
          ),
        ),
      ),
    ),
    h('p', { class: 'hint' }, scenario?.hint, ' ', h('code', {}, paymentMethod)),
    h(
      'div',
      { class: 'row' },
      h(
        'label',
        { class: 'field amount' },
        h('span', {}, 'Amount'),
        h('input', {
          ...{ name: 'amount', value: amount, inputMode: 'decimal', required: true, autocomplete: 'off' },
          pattern: '[0-9]+([.][0-9]+)?',
          onInput: (/** @type {any} */ event) => setAmount(event.target.value),
        }),
      ),
      select('Currency', 'currency', currency, [...CURRENCIES.keys()], setCurrency, (one) =>
        one.toUpperCase(),
      ),
      select(
        'Tenant',
        'tenant',
        tenantId ?? '',
        tenants.map((one) => one.tenantId),
        setTenant,
      ),
    ),
    check('many', isMany, setMany, `${COPIES_AT_ONCE} times at once, same key`),
    check('kill', isKilled, setKilled, 'kill -9 its task while the PSP is asked'),
    h('button', { class: 'primary', type: 'submit' }, 'Send charge'),
  );
}

/**
 * @param {string} label
 * @param {string} name
 * @param {string} value
 * @param {readonly string[]} options
 * @param {(value: string) => void} choose
 * @param {(option: string) => string} [text]
 */
function select(label, name, value, options, choose, text = (one) => one) {
  return h(
    'label',
    { class: 'field' },
    h('span', {}, label),
    h(
      'select',
      { name, value, onChange: (/** @type {any} */ event) => choose(event.target.value) },
      options.map((one) => h('option', { value: one }, text(one))),
    ),
  );
}

/**
 * @param {string} name
 * @param {boolean} isChecked
 * @param {(value: boolean) => void} choose
 * @param {string} label
 */
function check(name, isChecked, choose, label) {
  return h(
    'label',
    { class: 'check' },
    h('input', {
      ...{ type: 'checkbox', name, checked: isChecked },
      onChange: (/** @type {any} */ event) => choose(event.target.checked),
    }),
    label,
  );
}
