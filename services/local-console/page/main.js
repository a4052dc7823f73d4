import { h, render } from 'preact';
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';

import * as api from './api.js';
import { ChargeList } from './charge-list.js';
import { ChargePane } from './charge-pane.js';
import { counted, timeText } from './format.js';
import { SendForm } from './send-form.js';

/** @import {ConsoleView, Verification} from '../src/console-view.ts' */

const MOVING_POLL_MS = 350;
const QUIET_POLL_MS = 1500;
/** What "another amount" is, in the minor unit. */
const OTHER_AMOUNT_MINOR = 4200;

const FAULT_WORDS = /** @type {Record<string, string>} */ ({
  none: 'works',
  down: 'is down: connections break',
  hang: 'hangs: no answers',
  500: 'answers 500',
  429: 'answers 429',
});

/**
 * Reads the view over and over: often while a charge moves, seldom else, not at all in a hidden tab.
 *
 * @param {string | undefined} selectedId
 */
function useView(selectedId) {
  const [view, setView] = useState(/** @type {ConsoleView | undefined} */ (undefined));
  const [problem, setProblem] = useState(/** @type {api.ApiError | undefined} */ (undefined));
  const wake = useRef(() => {});
  useEffect(() => {
    let isOver = false;
    /** @type {number | undefined} */
    let timer;
    const poll = async () => {
      window.clearTimeout(timer);
      let isMoving = false;
      try {
        const next = document.hidden ? undefined : await api.readView(selectedId);
        if (isOver) return;
        if (next !== undefined) {
          setView(next);
          setProblem(undefined);
          isMoving = isAnythingMoving(next);
        }
      } catch (error) {
        if (isOver) return;
        setProblem(error instanceof api.ApiError ? error : new api.ApiError(String(error), 0));
      }
      timer = window.setTimeout(poll, isMoving ? MOVING_POLL_MS : QUIET_POLL_MS);
    };
    wake.current = poll;
    document.addEventListener('visibilitychange', poll);
    void poll();
    return () => {
      isOver = true;
      window.clearTimeout(timer);
      document.removeEventListener('visibilitychange', poll);
    };
  }, [selectedId]);
  return { view, problem, refresh: useCallback(() => wake.current(), []) };
}

/** @param {ConsoleView} view */
function isAnythingMoving({ charges, tasks, verification }) {
  return (
    verification.kind === 'running' ||
    tasks.some(({ pid }) => pid === undefined) ||
    charges.some(
      ({ verdict, stages }) =>
        verdict.tone === 'running' ||
        verdict.tone === 'waiting' ||
        (verdict.tone !== 'refused' && stages.some(({ state }) => state === 'now')),
    )
  );
}

function App() {
  const [selectedId, select] = useState(/** @type {string | undefined} */ (undefined));
  const [choices, setChoices] = useState(/** @type {api.Choices | undefined} */ (undefined));
  const [refusal, setRefusal] = useState('');
  const { view, problem, refresh } = useView(selectedId);
  useEffect(() => {
    if (choices === undefined && view !== undefined) api.readChoices().then(setChoices, () => undefined);
  }, [view]);
  useEffect(() => {
    if (selectedId === undefined && view?.charges[0] !== undefined) select(view.charges[0].id);
  }, [view]);

  /** @param {Promise<unknown>} action */
  const act = (action) => {
    setRefusal('');
    action.then(refresh, (/** @type {Error} */ error) => setRefusal(error.message));
  };
  /** @param {object} charge */
  const send = (charge) => act(api.sendCharge(charge).then(({ id }) => select(id)));

  if (problem?.status === 401) return h(WrongToken, {});
  if (view === undefined) return h('p', { class: 'loading' }, problem?.message ?? 'Reading the stores …');
  const selected = view.selected?.id === selectedId ? view.selected : undefined;
  return h(
    'div',
    { class: 'console' },
    h(Bar, { view, act }),
    problem === undefined && refusal === ''
      ? null
      : h('p', { class: 'problem', role: 'alert' }, refusal === '' ? problem?.message : refusal),
    h(
      'aside',
      {},
      choices === undefined ? null : h(SendForm, { choices, send }),
      h(ChargeList, { charges: view.charges, selectedId, select }),
    ),
    h(
      'main',
      {},
      selected === undefined
        ? view.charges.length === 0
          ? h(Welcome, { send })
          : h('p', { class: 'loading' }, 'Reading the stores …')
        : h(ChargePane, {
            charge: selected,
            actions: {
              repeat: ({ copies, isOtherAmount }) =>
                act(
                  api.repeatCharge(selected.id, {
                    copies,
                    ...(isOtherAmount ? { amountMinor: OTHER_AMOUNT_MINOR } : {}),
                  }),
                ),
              kill: () => act(api.killTaskOfCharge(selected.id)),
            },
          }),
    ),
  );
}

/** @param {{view: ConsoleView, act: (action: Promise<unknown>) => void}} props */
function Bar({ view, act }) {
  const { tasks, psp, verification } = view;
  return h(
    'header',
    { class: 'bar' },
    h('strong', { class: 'brand' }, 'charge-once'),
    h('span', { class: 'muted' }, 'local console'),
    h('span', { class: 'space' }),
    psp === undefined
      ? null
      : h(
          'label',
          { class: psp.fault === 'none' ? 'fault' : 'fault on' },
          'The PSP ',
          h(
            'select',
            {
              ...{ name: 'psp-fault', value: psp.fault },
              onChange: (/** @type {any} */ event) => act(api.setPspFault(event.target.value)),
            },
            Object.entries(FAULT_WORDS).map(([fault, words]) => h('option', { value: fault }, words)),
          ),
        ),
    tasks.map(({ name, pid }) =>
      h(
        'span',
        { key: name, class: 'task', 'data-task': name },
        h('i', { class: pid === undefined ? 'lamp off' : 'lamp' }),
        name,
        h('span', { class: 'muted' }, pid === undefined ? 'is being started' : ` pid ${pid}`),
        h(
          'button',
          {
            ...{ type: 'button', class: 'danger small', disabled: pid === undefined },
            'aria-label': `kill -9 ${name}`,
            onClick: () => pid !== undefined && act(api.killTask({ name, pid })),
          },
          'kill -9',
        ),
      ),
    ),
    h(
      'span',
      { class: 'verify' },
      h(
        'button',
        { type: 'button', class: 'small', onClick: () => act(api.verifyArchive()) },
        'Verify the audit archive',
      ),
      h(VerificationText, { verification }),
    ),
  );
}

/** @param {{verification: Verification}} props */
function VerificationText({ verification }) {
  switch (verification.kind) {
    case 'never':
      return null;
    case 'running':
      return h('span', { class: 'muted' }, 'walking the chain …');
    case 'failed':
      return h('span', { class: 'bad' }, verification.reason);
    case 'done': {
      const { problems, entries, at } = verification;
      const [first] = problems;
      return first === undefined
        ? h(
            'span',
            { class: 'good', title: `at ${timeText(at)}` },
            `${counted(entries, 'entry', 'entries')}, none missing or changed`,
          )
        : h(
            'span',
            { class: 'bad', title: problems.join('\n') },
            `${counted(problems.length, 'problem')}: ${first}`,
          );
    }
  }
}

/** @param {{send: (charge: object) => void}} props */
function Welcome({ send }) {
  const charge = { tenantId: 'tenant_a', amountMinor: 1999, currency: 'usd' };
  return h(
    'section',
    { class: 'welcome' },
    h('h1', {}, 'Charge a card. Then try to charge it twice.'),
    h(
      'p',
      {},
      'Two tasks of the gateway run on this machine, with PostgreSQL, stand-ins for DynamoDB, SQS, EventBridge and S3, and a PSP that fails on request. Nothing has been charged yet.',
    ),
    h(
      'ol',
      {},
      h(
        'li',
        {},
        h(
          'button',
          {
            ...{ type: 'button', class: 'primary', 'data-first': 'send' },
            onClick: () => send({ ...charge, paymentMethod: 'pm_card_visa' }),
          },
          'Send a first charge',
        ),
        h('span', {}, 'and see it go from “accepted” to “archived”. ', h('b', {}, 'Start here.')),
      ),
      h(
        'li',
        {},
        h(
          'button',
          {
            type: 'button',
            onClick: () => send({ ...charge, paymentMethod: 'pm_card_visa', copies: 10 }),
          },
          'Send one ten times at once',
        ),
        h('span', {}, 'under the same key: one charge at the PSP, ten equal answers.'),
      ),
      h(
        'li',
        {},
        h(
          'button',
          {
            ...{ type: 'button', class: 'danger' },
            onClick: () => send({ ...charge, paymentMethod: 'pm_sim_slow', killAtPsp: true }),
          },
          'Send one, and kill its task',
        ),
        h('span', {}, 'with kill -9 while the PSP is asked: another run finishes it.'),
      ),
    ),
    h(
      'p',
      { class: 'hint' },
      'More faults are in the list on the left; charges that you send with curl show up here too.',
    ),
  );
}

function WrongToken() {
  return h(
    'section',
    { class: 'welcome' },
    h('h1', {}, 'This address has no key'),
    h(
      'p',
      {},
      'Open the console by the address that ',
      h('code', {}, 'npm start'),
      ' prints. It ends in ',
      h('code', {}, '#'),
      ' and a token, which is a new one with every start.',
    ),
  );
}

const root = document.getElementById('app');
if (root !== null) render(h(App, {}), root);
