import { z } from 'zod';

import { paymentEventEnvelope } from '#contract/events';
import { recoveryTicket } from '#contract/recovery-ticket';

import type { DeadLetter } from './dead-letter.ts';

const NAMED_PROBLEMS = 3;

/** What a message is, in a line: which charge it is about, and why it is here as far as it says so itself. */
export function describeDeadLetter({ body, attributes }: DeadLetter): string {
  const content = parseJson(body);
  const undelivered = attributes.ERROR_CODE?.StringValue;
  const why = [undelivered, attributes.ERROR_MESSAGE?.StringValue].filter(Boolean).join(': ');
  return `${contentOf(content)}${why === '' ? '' : `; not delivered (${why})`}`;
}

/** What identifies a message to a person: its own id, its event's, its charge's, its key. */
export function idsOf({ messageId, body }: DeadLetter): string[] {
  const content = parseJson(body);
  const event = looseEvent.safeParse(content);
  const ticket = recoveryTicket.safeParse(content);
  return [
    messageId,
    ...(event.success ? [event.data.detail.event_id, event.data.detail.charge_id] : []),
    ...(ticket.success ? [ticket.data.idempotency_key] : []),
  ].filter((id) => id !== undefined);
}

/** An event that its contract may refuse, as far as it can be told. */
const looseEvent = z.object({
  'detail-type': z.string(),
  detail: z.object({ event_id: z.string().optional(), charge_id: z.string().optional() }),
});

/** What Lambda tells of an invocation that it gave up. */
const failedInvocation = z.object({
  requestContext: z.object({ functionArn: z.string(), condition: z.string() }),
});

function contentOf(content: unknown): string {
  const event = paymentEventEnvelope.safeParse(content);
  if (event.success) {
    const { event_id: eventId, charge_id: chargeId, status } = event.data.detail;
    return `event ${eventId} of ${chargeId} (${status}): readable, so its handling failed`;
  }
  const ticket = recoveryTicket.safeParse(content);
  if (ticket.success) {
    const { tenant_id: tenantId, idempotency_key: key, reason } = ticket.data;
    return `ticket of ${tenantId}, key ${key} (${reason})`;
  }
  const loose = looseEvent.safeParse(content);
  if (loose.success) {
    const { event_id: eventId = 'without id', charge_id: chargeId = 'no charge' } = loose.data.detail;
    const problems = event.error.issues.map(({ path, code }) => `${path.join('.')}: ${code}`);
    const more = problems.length > NAMED_PROBLEMS ? `; and ${problems.length - NAMED_PROBLEMS} more` : '';
    return `event ${eventId} of ${chargeId}: not in the contract (${problems.slice(0, NAMED_PROBLEMS).join('; ')}${more})`;
  }
  const failed = failedInvocation.safeParse(content);
  if (failed.success) {
    const { functionArn, condition } = failed.data.requestContext;
    return `invocation of ${functionArn.split(':').slice(6).join(':')} (${condition})`;
  }
  return content === undefined ? 'not JSON' : 'JSON of no form that is known here';
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
