import { h } from 'preact';

import { ageText } from './format.js';

/** @import {ChargeSummary} from '../src/console-view.ts' */

/**
 * @param {{charges: readonly ChargeSummary[], selectedId: string | undefined, select: (id: string) => void}} props
 */
export function ChargeList({ charges, selectedId, select }) {
  if (charges.length === 0) return null;
  return h(
    'nav',
    { class: 'charges', 'aria-label': 'Charges, the newest first' },
    h('h2', {}, 'Charges'),
    h(
      'ul',
      {},
      charges.map((charge) =>
        h(
          'li',
          { key: charge.id },
          h(
            'button',
            {
              ...{ type: 'button', class: 'charge', 'data-charge': charge.id },
              'aria-current': charge.id === selectedId ? 'true' : undefined,
              onClick: () => select(charge.id),
            },
            h(
              'span',
              { class: 'line' },
              h('strong', {}, charge.amount),
              h('span', { class: `pill ${charge.verdict.tone}` }, charge.verdict.label),
            ),
            h(
              'span',
              { class: 'line muted' },
              h('span', { class: 'title' }, charge.title),
              h('span', {}, ageText(charge.createdAt)),
            ),
            h(
              'span',
              { class: 'dots', 'aria-hidden': 'true' },
              charge.stages.map(({ name, state }) => h('i', { key: name, class: state })),
            ),
          ),
        ),
      ),
    ),
  );
}
