import type { CapacityTarget } from './capacity-target.ts';
import type { Figure } from './figure.ts';
import type { CapacityPlan } from './plan-capacity.ts';
import { NOT_INCLUDED } from './unit-prices.ts';

const AMOUNT_WIDTH = 12;

/** The plan as text for a terminal: an amount a line, with its formula and source below it. */
export function formatCapacity(target: CapacityTarget, { sections, shortfalls }: CapacityPlan): string {
  const paragraphs = [
    `Capacity for ${target.chargesPerSecond.toLocaleString('en-US')} charges a second over two regions, ` +
      'either of which must carry all of them alone.',
    ...sections.map(({ title, figures }) =>
      [title, ...figures.map(lineOf), ...(figures.length === 0 ? ['  none'] : [])].join('\n'),
    ),
    ['Not included', ...NOT_INCLUDED.map((what) => `  - ${what}`)].join('\n'),
    ...(shortfalls.length === 0
      ? []
      : [
          [
            'The prod stage as it is set (lib/config/stages.ts)',
            ...shortfalls.map((line) => `  - ${line}`),
          ].join('\n'),
        ]),
  ];
  return `${paragraphs.join('\n\n')}\n`;
}

function lineOf({ name, amount, unit, formula, source }: Figure): string {
  const shown =
    unit === '$' ? `$${amount.toFixed(2)}` : amount.toLocaleString('en-US', { maximumFractionDigits: 2 });
  const amountColumn = shown.padStart(AMOUNT_WIDTH);
  const indent = ' '.repeat(AMOUNT_WIDTH + 2);
  return `${amountColumn}  ${unit === '$' ? name : `${unit}  ${name}`}\n${indent}= ${formula}\n${indent}  ${source}`;
}
