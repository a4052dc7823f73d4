import { WEBHOOK_EVENTS } from '#contract/tables';

import type { Clock } from '../platform/clock.ts';
import { integer, optionalText, text, type DynamoAttributes } from '../platform/dynamo-attributes.ts';
import { namesIn } from '../platform/dynamo-expressions.ts';
import type { DynamoItem, DynamoRequests } from '../platform/dynamo-requests.ts';
import type { PspEvent } from './psp-event.ts';
import type { WebhookEventLog, WebhookFinding, WebhookOutcome } from './webhook-event-log.ts';

const STORE = 'webhook events';
const DAY_SECONDS = 86_400;
/**
 * Stripe sends again by itself for three days, and lets a person do so for thirty. Later a repeat is looked at once
 * more, which does no harm.
 */
const EVENT_RETENTION_SECONDS = 35 * DAY_SECONDS;
/** Longer than a year, for whoever closes the books. */
const FINDING_RETENTION_SECONDS = 400 * DAY_SECONDS;
/** An item holds 400 KB. What is beyond is stored and logged, and not listed. */
const MAXIMUM_FINDINGS_LISTED_A_DAY = 2_000;

export interface DynamoWebhookEventLogOptions {
  readonly requests: DynamoRequests;
  readonly tableName: string;
  readonly region: string;
  readonly clock: Clock;
}

/**
 * The log of webhook events in a DynamoDB table. It is replicated, and the last writer wins: two regions that get the
 * same event at once both handle it, which is harmless because handling is idempotent.
 */
export class DynamoWebhookEventLog implements WebhookEventLog {
  private readonly requests: DynamoRequests;
  private readonly tableName: string;
  private readonly region: string;
  private readonly clock: Clock;

  constructor(options: DynamoWebhookEventLogOptions) {
    this.requests = options.requests;
    this.tableName = options.tableName;
    this.region = options.region;
    this.clock = options.clock;
  }

  async isHandled(eventId: string): Promise<boolean> {
    const item = await this.requests.get(STORE, {
      TableName: this.tableName,
      Key: { [WEBHOOK_EVENTS.partitionKey]: text(eventId) },
      ConsistentRead: true,
    });
    return item !== undefined && !this.isExpired(item);
  }

  async markHandled(event: PspEvent, outcome: WebhookOutcome): Promise<'marked' | 'repeated'> {
    const { partitionKey, timeToLive } = WEBHOOK_EVENTS;
    const condition = `attribute_not_exists(#${partitionKey}) OR #${timeToLive} <= :now`;
    const result = await this.requests.put(STORE, {
      TableName: this.tableName,
      Item: {
        ...this.item(event.id, EVENT_RETENTION_SECONDS),
        type: text(event.type),
        outcome: text(outcome),
      },
      ConditionExpression: condition,
      ExpressionAttributeNames: namesIn(condition),
      ExpressionAttributeValues: { ':now': integer(this.nowEpochSeconds()) },
    });
    return result.kind === 'written' ? 'marked' : 'repeated';
  }

  async recordFinding(event: PspEvent, finding: WebhookFinding): Promise<void> {
    const id = findingItemId(event.id);
    const condition = `attribute_not_exists(#${WEBHOOK_EVENTS.partitionKey})`;
    // What stands there is this very finding, of an earlier delivery that did not get to its end.
    await this.requests.put(STORE, {
      TableName: this.tableName,
      Item: { ...this.item(id, FINDING_RETENTION_SECONDS), ...findingAttributes(event, finding) },
      ConditionExpression: condition,
      ExpressionAttributeNames: namesIn(condition),
    });
    await this.list(id);
  }

  /** Adds the finding to those of its day, in an item that only this region writes. */
  private async list(findingId: string): Promise<void> {
    const { partitionKey, timeToLive } = WEBHOOK_EVENTS;
    const update = `ADD #ids :id SET #${timeToLive} = :expiry`;
    const condition = 'attribute_not_exists(#ids) OR size(#ids) < :maximum';
    await this.requests.update(STORE, {
      TableName: this.tableName,
      Key: { [partitionKey]: text(findingsOfDayItemId(this.region, new Date(this.clock.nowEpochMs()))) },
      UpdateExpression: update,
      ConditionExpression: condition,
      ExpressionAttributeNames: namesIn(update, condition),
      ExpressionAttributeValues: {
        ':id': { SS: [findingId] },
        ':expiry': integer(this.nowEpochSeconds() + FINDING_RETENTION_SECONDS),
        ':maximum': integer(MAXIMUM_FINDINGS_LISTED_A_DAY),
      },
    });
  }

  private item(id: string, retentionSeconds: number): DynamoAttributes {
    const nowEpochMs = this.clock.nowEpochMs();
    return {
      [WEBHOOK_EVENTS.partitionKey]: text(id),
      [WEBHOOK_EVENTS.timeToLive]: integer(Math.floor(nowEpochMs / 1_000) + retentionSeconds),
      recorded_at: text(new Date(nowEpochMs).toISOString()),
      region: text(this.region),
    };
  }

  /** Held against the clock, because the table deletes late. */
  private isExpired(item: DynamoItem): boolean {
    return Number(item[WEBHOOK_EVENTS.timeToLive]?.N ?? 0) <= this.nowEpochSeconds();
  }

  private nowEpochSeconds(): number {
    return Math.floor(this.clock.nowEpochMs() / 1_000);
  }
}

export function findingItemId(eventId: string): string {
  return `finding#${eventId}`;
}

/** The item that lists the findings of one region and one day (UTC). */
export function findingsOfDayItemId(region: string, day: Date): string {
  return `findings#${region}#${day.toISOString().slice(0, 10)}`;
}

function findingAttributes(event: PspEvent, finding: WebhookFinding): DynamoAttributes {
  const { subject } = event;
  return {
    kind: text(finding.kind),
    detail: text(finding.detail),
    event_id: text(event.id),
    type: text(event.type),
    event_created_at: text(new Date(event.createdEpochMs).toISOString()),
    ...optionalText('charge_id', subject?.chargeId),
    ...optionalText('tenant_id', subject?.tenantId),
    ...optionalText('idempotency_key', subject?.idempotencyKey),
    ...optionalText('psp_charge_id', subject?.pspChargeId),
    ...(subject?.amountMinor === undefined ? {} : { amount_minor: integer(subject.amountMinor) }),
    ...optionalText('currency', subject?.currency),
  };
}
