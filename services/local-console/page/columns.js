import { h } from 'preact';

import { counted, timeText } from './format.js';

/** @import {ChargeDetail} from '../src/console-view.ts' */

/**
 * @param {string} name
 * @param {string} title
 * @param {string} subtitle
 * @param {readonly import('preact').ComponentChild[]} rows
 * @param {string} empty
 */
function column(name, title, subtitle, rows, empty) {
  return h(
    'section',
    { class: 'card column', 'data-column': name },
    h('header', {}, h('h3', {}, title), h('p', { class: 'muted' }, subtitle)),
    rows.length === 0 ? h('p', { class: 'none' }, empty) : h('ul', {}, rows),
  );
}

/**
 * @param {string} key
 * @param {{title: string, time?: string | undefined, tone?: string, lines: readonly import('preact').ComponentChild[]}} content
 */
function row(key, { title, time, tone, lines }) {
  return h(
    'li',
    { key, class: tone },
    h('span', { class: 'line' }, h('b', {}, title), h('span', { class: 'time' }, time)),
    lines.map((line, index) => h('span', { key: index, class: 'detail' }, line)),
  );
}

/** @param {{charge: ChargeDetail}} props */
export function LedgerColumn({ charge }) {
  const { lease } = charge;
  const subtitle =
    lease === undefined
      ? 'nothing is written'
      : lease.status === 'PROCESSING' && lease.remainingMs > 0
        ? `epoch ${lease.run}, lease ${Math.ceil(lease.remainingMs / 1000)} s`
        : `epoch ${lease.run}, key ${lease.status.toLowerCase()}`;
  return column(
    'ledger',
    'Ledger',
    subtitle,
    charge.ledger.map(({ seq, state, at, run, notes }) =>
      row(String(seq), {
        title: state,
        time: timeText(at),
        tone: toneOf(state),
        lines: [...notes, `slot ${seq} · by epoch ${run}`],
      }),
    ),
    'No entry yet.',
  );
}

/** @param {string} state */
function toneOf(state) {
  if (state === 'SETTLED') return 'good';
  return state === 'RESERVED' ? '' : 'off';
}

/** @param {{charge: ChargeDetail}} props */
export function EventsColumn({ charge }) {
  const { events } = charge;
  const ids = new Set(events.map(({ eventId }) => eventId)).size;
  const subtitle = events.length === 0 ? 'EventBridge → SQS' : counted(ids, 'event');
  return column(
    'events',
    'Events',
    subtitle,
    events.map(({ eventId, type, deliveredAt, consumedBy, queues }) =>
      row(`${eventId} ${deliveredAt}`, {
        title: type,
        time: timeText(deliveredAt),
        tone: type === 'payment.completed' ? 'good' : 'off',
        lines: [
          h('code', { title: eventId }, eventId),
          consumedBy === undefined
            ? `on ${counted(queues.length, 'queue')}`
            : h(
                'span',
                { class: 'tags' },
                ['order', 'receipts', 'analytics'].map((name) =>
                  consumedBy.includes(name)
                    ? h('span', { key: name, class: 'tag good' }, `${name} ✓`)
                    : h('span', { key: name, class: 'tag' }, `${name} …`),
                ),
              ),
        ],
      }),
    ),
    charge.step === 'EVENTS_EMITTED'
      ? 'Out; the bus was started since and forgot it.'
      : 'No event before the end.',
  );
}

/** @param {{charge: ChargeDetail}} props */
export function PspColumn({ charge }) {
  const { psp } = charge;
  if (psp === undefined) return column('psp', 'PSP', 'not the simulator', [], 'It cannot be looked into.');
  const asked = psp.createCalls === undefined ? '' : `, asked ${counted(psp.createCalls, 'time')}`;
  return column(
    'psp',
    `PSP${charge.pspName === undefined ? '' : ` · ${charge.pspName}`}`,
    `${psp.standing} charged${asked}`,
    psp.charges.map(({ id, status, amount, isStanding, taken, refunded, at }) =>
      row(id, {
        title: status,
        time: timeText(at),
        tone: isStanding ? 'good' : 'off',
        lines: [
          h('code', { title: id }, id),
          taken === amount ? amount : `${taken} taken of ${amount}`,
          ...(refunded === undefined ? [] : [`${refunded} given back`]),
        ],
      }),
    ),
    'It holds nothing of this charge.',
  );
}

/** @param {{charge: ChargeDetail}} props */
export function ArchiveColumn({ charge }) {
  const archived = charge.archive.filter(({ objectKey }) => objectKey !== undefined).length;
  return column(
    'archive',
    'Audit',
    `${archived} of ${counted(charge.ledger.length, 'entry', 'entries')} archived`,
    charge.archive.map(({ seq, state, objectKey, sequenceNumber }) =>
      row(String(seq), {
        title: state,
        time: objectKey === undefined ? 'on its way' : undefined,
        tone: objectKey === undefined ? 'pending' : 'good',
        lines:
          objectKey === undefined
            ? []
            : [
                h('code', { title: objectKey }, shortName(objectKey)),
                `record ${(sequenceNumber ?? '').replace(/^0+(?=\d)/, '')} of the stream`,
              ],
      }),
    ),
    'Nothing to archive yet.',
  );
}

/**
 * The name of an object without its folders and the zeros that its numbers are padded with.
 *
 * @param {string} objectKey
 */
function shortName(objectKey) {
  return (objectKey.split('/').at(-1) ?? '').replace(/(^|-)0+(?=\d)/g, '$1');
}
