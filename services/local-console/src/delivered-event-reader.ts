import { z } from 'zod';

import { paymentEventDetail } from '#contract/events';

import type { EventFacts } from './charge-facts.ts';
import { fetchJson } from './fetch-json.ts';
import type { TableReader } from './table-reader.ts';

const deliveredEvents = z.object({
  events: z.array(
    z.object({
      event: z.object({ 'detail-type': z.string(), detail: paymentEventDetail }),
      queueNames: z.array(z.string()),
      deliveredAt: z.string(),
    }),
  ),
});

/** The events of a charge that the local event bus remembers, and who has had them. */
export class DeliveredEventReader {
  readonly #busUrl: string;
  readonly #tables: TableReader;

  constructor(busUrl: string, tables: TableReader) {
    this.#busUrl = busUrl;
    this.#tables = tables;
  }

  async eventsOf(chargeId: string): Promise<readonly EventFacts[]> {
    const url = `${this.#busUrl}/control/delivered-events?charge_id=${chargeId}`;
    const { events } = await fetchJson(deliveredEvents, url);
    return Promise.all(
      events.map(async ({ event, queueNames, deliveredAt }) => ({
        eventId: event.detail.event_id,
        type: event['detail-type'],
        status: event.detail.status,
        deliveredAt,
        queues: queueNames,
        consumedBy: await this.#tables.consumersOf(event.detail.event_id),
      })),
    );
  }
}
