import { paymentEventEnvelope, type EventType, type PaymentEventDetail } from '#contract/events';

/** A payment event as it came out of its envelope. */
export interface PaymentEvent {
  readonly type: EventType;
  readonly detail: PaymentEventDetail;
}

/** A message that is no event of the contract. It will not become one: only a newer consumer, or a person, can help. */
export class UnreadableEventError extends Error {
  override readonly name = 'UnreadableEventError';
  /** Fields and what is wrong with them, without their values. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`not an event of the contract: ${problems.join('; ')}`);
    this.problems = problems;
  }
}

/**
 * Reads the message that EventBridge has put on a queue. A field that the contract does not know is refused as well: it
 * may change what the known ones mean.
 *
 * @throws UnreadableEventError
 */
export function parsePaymentEvent(body: string): PaymentEvent {
  const envelope = paymentEventEnvelope.safeParse(parseJson(body));
  if (!envelope.success) {
    throw new UnreadableEventError(
      envelope.error.issues.map((issue) => `${issue.path.join('.') || 'message'}: ${issue.code}`),
    );
  }
  const { 'detail-type': type, detail } = envelope.data;
  if ((detail.status === 'settled') !== (type === 'payment.completed')) {
    throw new UnreadableEventError([`detail.status: not one of ${type}`]);
  }
  return { type, detail };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
