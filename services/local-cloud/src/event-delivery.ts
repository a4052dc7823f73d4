import { setTimeout as sleep } from 'node:timers/promises';
import { GetQueueUrlCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { EventBusDefinition, EventTarget } from './event-bus-definition.ts';
import { matchesPattern } from './event-pattern.ts';
import { LOCAL_ACCOUNT } from './local-account.ts';

/** What a consumer gets: https://docs.aws.amazon.com/eventbridge/latest/ref/events-structure.html */
export interface EventEnvelope {
  readonly version: '0';
  readonly id: string;
  readonly 'detail-type': string;
  readonly source: string;
  readonly account: string;
  /** RFC 3339, whole seconds. */
  readonly time: string;
  readonly region: string;
  readonly resources: readonly string[];
  readonly detail: Readonly<Record<string, unknown>>;
}

/** Neither the target nor its dead-letter queue took the event. */
export class EventDeliveryError extends Error {
  override readonly name = 'EventDeliveryError';
}

/** AWS retries for 24 hours; here a target that fails so often in a row is broken, and the dead-letter queue shows it. */
const ATTEMPTS_PER_TARGET = 3;
const RETRY_DELAY_MS = 50;

/** Matches events with the rules of a bus and puts them on the queues of their targets. */
export class EventDelivery {
  readonly #definition: EventBusDefinition;
  readonly #region: string;
  readonly #sqs: SQSClient;
  readonly #queueUrls = new Map<string, string>();

  constructor(options: { definition: EventBusDefinition; sqsEndpoint: string; region: string }) {
    this.#definition = options.definition;
    this.#region = options.region;
    this.#sqs = new SQSClient({
      endpoint: options.sqsEndpoint,
      region: options.region,
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
      // The loop below retries, by the bound that it states.
      maxAttempts: 1,
    });
  }

  /**
   * Resolves when every matching target, or its dead-letter queue, holds the event.
   *
   * @returns the names of the queues that hold it
   * @throws EventDeliveryError
   */
  async deliver(event: EventEnvelope): Promise<readonly string[]> {
    const matching = this.#definition.rules.filter((rule) => matchesPattern(rule.pattern, { ...event }));
    const body = JSON.stringify(event);
    const holders = await Promise.all(
      matching.flatMap((rule) => rule.targets.map((target) => this.#deliverTo(target, rule.name, body))),
    );
    return holders.filter((queueName) => queueName !== undefined);
  }

  close(): void {
    this.#sqs.destroy();
  }

  async #deliverTo(target: EventTarget, ruleName: string, body: string): Promise<string | undefined> {
    let lastError: unknown;
    for (let attempt = 1; attempt <= ATTEMPTS_PER_TARGET; attempt += 1) {
      try {
        await this.#send(target.queueName, body);
        return target.queueName;
      } catch (error) {
        lastError = error;
        if (attempt < ATTEMPTS_PER_TARGET) await sleep(RETRY_DELAY_MS * attempt);
      }
    }
    await this.#bury(target, ruleName, body, lastError);
    return target.deadLetterQueueName;
  }

  /** The attributes are those that EventBridge adds, by which a person sees why the message is there. */
  async #bury(target: EventTarget, ruleName: string, body: string, cause: unknown): Promise<void> {
    const reason = cause instanceof Error ? cause : new Error(String(cause));
    if (target.deadLetterQueueName === undefined) return;
    try {
      await this.#send(target.deadLetterQueueName, body, {
        ERROR_CODE: reason.name,
        ERROR_MESSAGE: reason.message || reason.name,
        EXHAUSTED_RETRY_CONDITION: 'MaximumRetryAttempts',
        RETRY_ATTEMPTS: String(ATTEMPTS_PER_TARGET - 1),
        RULE_ARN: `arn:aws:events:${this.#region}:${LOCAL_ACCOUNT}:rule/${this.#definition.name}/${ruleName}`,
        TARGET_ARN: `arn:aws:sqs:${this.#region}:${LOCAL_ACCOUNT}:${target.queueName}`,
      });
    } catch (error) {
      throw new EventDeliveryError(
        `Neither ${target.queueName} nor ${target.deadLetterQueueName} took the event: ${reason.message}`,
        { cause: error },
      );
    }
  }

  async #send(
    queueName: string,
    body: string,
    attributes: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const queueUrl = await this.#queueUrl(queueName);
    await this.#sqs.send(
      new SendMessageCommand({
        QueueUrl: queueUrl,
        MessageBody: body,
        MessageAttributes: Object.fromEntries(
          Object.entries(attributes).map(([name, value]) => [
            name,
            { DataType: 'String', StringValue: value },
          ]),
        ),
      }),
    );
  }

  async #queueUrl(queueName: string): Promise<string> {
    const known = this.#queueUrls.get(queueName);
    if (known !== undefined) return known;
    const { QueueUrl: queueUrl } = await this.#sqs.send(new GetQueueUrlCommand({ QueueName: queueName }));
    if (queueUrl === undefined) throw new Error(`SQS gave no URL for the queue ${queueName}`);
    this.#queueUrls.set(queueName, queueUrl);
    return queueUrl;
  }
}
