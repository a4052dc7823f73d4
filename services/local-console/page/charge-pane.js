import { h } from 'preact';

import { ArchiveColumn, EventsColumn, LedgerColumn, PspColumn } from './columns.js';
import { timeText } from './format.js';

/** @import {ActRow, ChargeDetail} from '../src/console-view.ts' */

/**
 * @typedef {object} ChargeActions
 * @property {(options: {copies: number, isOtherAmount?: boolean}) => void} repeat
 * @property {() => void} kill
 */

/**
 * @param {{charge: ChargeDetail, actions: ChargeActions}} props
 */
export function ChargePane({ charge, actions }) {
  return h(
    'article',
    { class: 'pane', 'aria-label': 'Charge' },
    h(
      'header',
      { class: 'head' },
      h('h1', {}, charge.amount),
      h('span', { class: `pill ${charge.verdict.tone}` }, charge.verdict.label),
      h('span', { class: 'muted' }, charge.title),
      h(
        'dl',
        { class: 'facts' },
        fact('Tenant', charge.tenantId),
        fact('Charge', h('code', { title: charge.id }, charge.id)),
        fact('Idempotency key', h('code', { title: charge.idempotencyKey }, charge.idempotencyKey)),
        charge.description === undefined ? null : fact('Description', charge.description),
      ),
    ),
    h(
      'p',
      { class: `verdict ${charge.verdict.tone}`, role: 'status', 'aria-live': 'polite' },
      charge.verdict.sentence,
    ),
    h(Pipeline, { charge }),
    h(Buttons, { charge, actions }),
    charge.acts.length === 0 ? null : h(Acts, { acts: charge.acts }),
    h(
      'div',
      { class: 'columns' },
      h(LedgerColumn, { charge }),
      h(EventsColumn, { charge }),
      h(PspColumn, { charge }),
      h(ArchiveColumn, { charge }),
    ),
  );
}

/**
 * @param {string} name
 * @param {import('preact').ComponentChildren} value
 */
function fact(name, value) {
  return h('div', {}, h('dt', {}, name), h('dd', {}, value));
}

const STAGE_WORDS = {
  done: 'done',
  now: 'running',
  stuck: 'waiting for a task',
  declined: 'declined',
  voided: 'voided',
  todo: 'not yet',
};

/** @param {{charge: ChargeDetail}} props */
function Pipeline({ charge }) {
  return h(
    'ol',
    { class: 'pipeline', 'aria-label': 'The saga of this charge' },
    charge.stages.map(({ name, label, state, at }) =>
      h(
        'li',
        { key: name, class: state, 'data-stage': name },
        h('span', { class: 'mark', 'aria-hidden': 'true' }),
        h('span', { class: 'label' }, label),
        h('span', { class: 'time' }, at === undefined ? STAGE_WORDS[state] : timeText(at)),
      ),
    ),
  );
}

/** @param {{charge: ChargeDetail, actions: ChargeActions}} props */
function Buttons({ charge, actions }) {
  if (!charge.canRepeat) {
    return h(
      'p',
      { class: 'hint' },
      'Sent from elsewhere, for example by curl: its payment method is sealed, so it can be watched here, not sent again.',
    );
  }
  const task = charge.runningTask;
  return h(
    'div',
    { class: 'buttons' },
    button('Send it again', 'again', () => actions.repeat({ copies: 1 })),
    button('10 times at once', 'at-once', () => actions.repeat({ copies: 10 })),
    button('Same key, another amount', 'other-amount', () =>
      actions.repeat({ copies: 1, isOtherAmount: true }),
    ),
    h(
      'button',
      {
        ...{ type: 'button', class: 'danger', 'data-act': 'kill', onClick: actions.kill },
        disabled: task === undefined,
        title: task === undefined ? 'No task is running a request of this charge now' : undefined,
      },
      task === undefined ? 'kill -9 its task' : `kill -9 ${task.name} (pid ${task.pid})`,
    ),
  );
}

/**
 * @param {string} label
 * @param {string} act
 * @param {() => void} onClick
 */
function button(label, act, onClick) {
  return h('button', { type: 'button', 'data-act': act, onClick }, label);
}

const ACT_WORDS = {
  first: 'POST /v1/charges',
  again: 'the same again',
  'at-once': 'the same, at once',
  'other-amount': 'same key, other amount',
  kill: 'kill -9',
};

/** @param {{acts: readonly ActRow[]}} props */
function Acts({ acts }) {
  return h(
    'section',
    { class: 'card acts', 'aria-label': 'What was sent, and what came back' },
    h(
      'table',
      {},
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          ['Sent', 'Request', 'Task', 'Answer', 'Took'].map((title) => h('th', { scope: 'col' }, title)),
        ),
      ),
      h(
        'tbody',
        {},
        groupsOf(acts).map((group) => h(ActGroup, { key: group[0]?.number, group })),
      ),
    ),
  );
}

/**
 * Requests that were the same in everything but their task and time stand in one row.
 *
 * @param {readonly ActRow[]} acts
 */
function groupsOf(acts) {
  /** @type {ActRow[][]} */
  const groups = [];
  for (const act of acts) {
    const group = groups.find(([first]) => first !== undefined && signatureOf(first) === signatureOf(act));
    if (group === undefined || act.kind !== 'at-once') groups.push([act]);
    else group.push(act);
  }
  return groups;
}

/** @param {ActRow} act */
function signatureOf({ kind, amount, at, answer }) {
  const { durationMs: _durationMs, ...rest } = /** @type {any} */ (answer);
  return JSON.stringify([kind, amount, at.slice(0, 18), rest]);
}

/** @param {{group: readonly ActRow[]}} props */
function ActGroup({ group }) {
  const [first] = group;
  if (first === undefined) return null;
  const times = group.length > 1 ? ` × ${group.length}` : '';
  return h(
    'tr',
    { class: first.kind, 'data-kind': first.kind },
    h('td', { class: 'time' }, timeText(first.at)),
    h('td', {}, ACT_WORDS[first.kind], times, ' ', amountOf(first)),
    h('td', { class: 'muted' }, tasksOf(group)),
    h('td', {}, h(Answer, { act: first })),
    h('td', { class: 'time' }, tookText(group)),
  );
}

/** @param {ActRow} act */
function amountOf(act) {
  return act.amount === undefined ? null : h('span', { class: 'muted' }, act.amount);
}

/** @param {readonly ActRow[]} group */
function tasksOf(group) {
  const [first] = group;
  if (group.length === 1) return first?.task === undefined ? '' : `${first.task.name} · ${first.task.pid}`;
  const names = [...new Set(group.flatMap(({ task }) => task?.name ?? []))].sort();
  return names.join(', ');
}

/** @param {readonly ActRow[]} group */
function tookText(group) {
  const took = group.flatMap(({ answer }) => ('durationMs' in answer ? [answer.durationMs] : []));
  if (took.length === 0) return '';
  const [shortest, longest] = [Math.min(...took), Math.max(...took)];
  return shortest === longest ? `${longest} ms` : `${shortest}–${longest} ms`;
}

/** @param {{act: ActRow}} props */
function Answer({ act: { answer, kind } }) {
  switch (answer.kind) {
    case 'waiting':
      return h('span', { class: 'muted' }, 'no answer yet');
    case 'done':
      return h('span', { class: 'muted' }, kind === 'kill' ? 'SIGKILL; the local run starts it again' : '');
    case 'broken':
      return h('span', { class: 'bad' }, answer.says);
    case 'answered':
      return h(
        'span',
        {},
        h('b', { class: `status s${Math.floor(answer.status / 100)}` }, answer.status),
        ' ',
        answer.says,
        answer.replayed ? h('span', { class: 'tag' }, 'replayed') : null,
        answer.replayed && answer.isSameBytes === true
          ? h('span', { class: 'tag good' }, 'same bytes')
          : null,
        answer.isSameBytes === false ? h('span', { class: 'tag bad' }, 'other bytes') : null,
      );
  }
}
