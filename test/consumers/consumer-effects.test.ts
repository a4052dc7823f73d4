import { TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { CONSUMER_EFFECTS } from '#consumers/consumer-effects';
import { DynamoEffectStore } from '#consumers/dynamo-effect-store';
import { renderReceipt } from '#consumers/render-receipt';
import { SystemClock } from '#consumers/system-clock';
import { CONSUMERS, type Consumer, type PaymentEventDetail } from '#contract/events';

import { createConsumersTable, type ConsumersTable } from './consumers-table.ts';
import { aFailedEvent, anEvent } from './sample-events.ts';

const NEVER = new AbortController().signal;
const KEPT_SECONDS = 1_000;

describe("the consumers' effects", () => {
  let table: ConsumersTable;
  beforeEach(async () => void (table = await createConsumersTable()));
  afterEach(() => table.drop());

  const storeOf = (consumer: Consumer) =>
    new DynamoEffectStore({
      client: table.client,
      tableName: table.name,
      consumer,
      markersKeptSeconds: KEPT_SECONDS,
      clock: new SystemClock(),
      random: { next: () => 0.5 },
    });

  async function apply(consumer: Consumer, event: PaymentEventDetail, region = 'us-east-1') {
    const effects = CONSUMER_EFFECTS[consumer](event, { tableName: table.name, region });
    return storeOf(consumer).apply(event, effects, NEVER);
  }

  it.each(CONSUMERS)(
    '%s takes an event once, however often and however many at a time it comes',
    async (consumer) => {
      const event = anEvent();
      const results = await Promise.all(Array.from({ length: 8 }, () => apply(consumer, event)));
      const before = await table.items('');
      results.push(await apply(consumer, event));
      expect(results.filter((result) => result === 'handled')).toHaveLength(1);
      expect(await table.items('')).toEqual(before);
      const [marker] = await table.items(`event#${consumer}#`);
      expect(marker).toMatchObject({
        id: { S: `event#${consumer}#${event.event_id}` },
        charge_id: { S: event.charge_id },
      });
      expect(Number(marker?.expires_at?.N) - Number(marker?.handled_at?.N)).toBe(KEPT_SECONDS);
    },
  );

  it('keeps three consumers of the same event apart', async () => {
    const event = anEvent();
    for (const consumer of CONSUMERS) expect(await apply(consumer, event)).toBe('handled');
    expect(await table.items('event#')).toHaveLength(CONSUMERS.length);
  });

  it('writes neither the effect nor the marker where one of them fails', async () => {
    const event = anEvent();
    const broken = { Put: { TableName: table.name, Item: { id: { S: 'order#x' } } } };
    await expect(storeOf('order').apply(event, [broken], NEVER)).rejects.toThrow();
    expect(await table.items('')).toEqual([]);
    expect(await apply('order', event)).toBe('handled');
  });

  it('handles again after an answer that got lost, and finds that it had been handled', async () => {
    const event = anEvent();
    const effects = CONSUMER_EFFECTS.analytics(event, { tableName: table.name, region: 'us-east-1' });
    table.client.middlewareStack.add(
      (next, context) => async (input) => {
        const output = await next(input);
        if (context.commandName === TransactWriteItemsCommand.name) throw new Error('the answer got lost');
        return output;
      },
      { step: 'initialize', name: 'lost-answer' },
    );
    await expect(storeOf('analytics').apply(event, effects, NEVER)).rejects.toThrow('the answer got lost');
    table.client.middlewareStack.remove('lost-answer');
    expect(await apply('analytics', event)).toBe('repeated');
    const [total] = await table.items('totals#');
    expect(total).toMatchObject({ charges: { N: '1' }, amount: { N: '1999' } });
  });

  it('writes nothing for an event that is not its own any more', async () => {
    const aborted = AbortSignal.abort(new Error('told to stop'));
    await expect(storeOf('order').apply(anEvent(), [], aborted)).rejects.toThrow('told to stop');
    expect(await table.items('')).toEqual([]);
  });

  it('has an order paid once one of its charges is settled, in whichever order and however often it hears', async () => {
    const events = [
      aFailedEvent({ event_id: 'evt_1', charge_id: 'ch_1' }),
      anEvent({ event_id: 'evt_2', charge_id: 'ch_2' }),
      aFailedEvent({ event_id: 'evt_3', charge_id: 'ch_3', status: 'voided' }),
    ];
    let number = 0;
    const order = fc.shuffledSubarray([...events, ...events], { minLength: 6, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(order, async (arrivals) => {
        number += 1;
        const tenant_id = `tenant_${number}`;
        for (const event of arrivals) {
          await apply('order', { ...event, tenant_id, event_id: `${event.event_id}_${number}` });
        }
        const items = await table.items(`order#${tenant_id}#order-1`);
        expect(items.find(({ part }) => part?.S === 'order')).toMatchObject({
          status: { S: 'paid' },
          paid_charges: { N: '1' },
          failed_charges: { N: '2' },
        });
        expect(items.map(({ part }) => part?.S)).toEqual(
          expect.arrayContaining(['charge#ch_1', 'charge#ch_2', 'charge#ch_3', 'order']),
        );
      }),
      { numRuns: 15 },
    );
  });

  it('has an order failed whose charges have all failed, and shows one that was paid twice', async () => {
    await apply('order', aFailedEvent({ reference: 'poor' }));
    await apply('order', anEvent({ reference: 'rich' }));
    await apply('order', anEvent({ reference: 'rich' }));
    await apply('order', anEvent({ reference: null }));
    const orders = (await table.items('order#')).filter(({ part }) => part?.S === 'order');
    expect(orders).toHaveLength(2);
    expect(orders).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ id: { S: 'order#tenant_a#poor' }, status: { S: 'failed' } }),
        expect.objectContaining({ id: { S: 'order#tenant_a#rich' }, paid_charges: { N: '2' } }),
      ]),
    );
  });

  it('adds up amounts by tenant, day in UTC, currency and status, apart for each region', async () => {
    for (let index = 0; index < 20; index += 1) await apply('analytics', anEvent({ amount: 5 }));
    await apply('analytics', anEvent({ amount: 7 }), 'us-west-2');
    await apply('analytics', aFailedEvent({ amount: 11 }));
    await apply('analytics', anEvent({ amount: 13, currency: 'eur' }));
    await apply('analytics', anEvent({ amount: 17, created: '2026-11-23T00:00:00.000Z' }));
    await apply('analytics', anEvent({ amount: 19, tenant_id: 'tenant_b' }));
    const sums = new Map<string, number>();
    const items = await table.items('totals#');
    for (const { id, part, amount } of items) {
      const group = `${id?.S ?? ''}#${part?.S?.replace(/#\d+$/, '') ?? ''}`;
      sums.set(group, (sums.get(group) ?? 0) + Number(amount?.N));
    }
    expect(Object.fromEntries(sums)).toEqual({
      'totals#tenant_a#2026-11-22#usd#settled#us-east-1': 100,
      'totals#tenant_a#2026-11-22#usd#settled#us-west-2': 7,
      'totals#tenant_a#2026-11-22#usd#declined#us-east-1': 11,
      'totals#tenant_a#2026-11-22#eur#settled#us-east-1': 13,
      'totals#tenant_a#2026-11-23#usd#settled#us-east-1': 17,
      'totals#tenant_b#2026-11-22#usd#settled#us-east-1': 19,
    });
    expect(items.length).toBeGreaterThan(sums.size);
  });
});

describe('a receipt', () => {
  it.each([
    ['usd', 1_999, '19.99 USD'],
    ['usd', 5, '0.05 USD'],
    ['jpy', 1_999, '1999 JPY'],
    ['kwd', 1_999, '1.999 KWD'],
    ['usd', 9_007_199_254_740_991, '90071992547409.91 USD'],
  ])('says %s %d as %s', (currency, amount, text) => {
    expect(renderReceipt(anEvent({ currency, amount }))).toContain(`Amount     ${text}\n`);
  });

  it('tells a customer who was not charged why', () => {
    const text = renderReceipt(aFailedEvent());
    expect(text).toMatch(/^NOTICE: NOTHING WAS CHARGED\n/);
    expect(text).toContain('not charged (card_declined)');
  });
});
