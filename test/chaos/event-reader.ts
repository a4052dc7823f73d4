import { setTimeout as sleep } from 'node:timers/promises';

import { DeleteMessageBatchCommand, ReceiveMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';

import { CONSUMERS, paymentEventEnvelope, type Consumer, type PaymentEventDetail } from '#contract/events';

/** Takes every event off the consumers' queues, as the consumers would, and keeps one of each id. */
export class EventReader {
  readonly #sqs: SQSClient;
  readonly #queueUrls: Readonly<Record<Consumer, string>>;
  readonly #onDefect: (text: string) => void;
  readonly #stopping = new AbortController();
  /** By consumer, charge and id. */
  readonly #events = new Map<Consumer, Map<string, Map<string, PaymentEventDetail>>>();
  #received = 0;
  #reading: Promise<void>[] = [];

  /** @param options.onDefect told of what is on a queue and is no event, and of a queue that does not answer */
  constructor(options: {
    readonly sqs: SQSClient;
    readonly queueUrls: Readonly<Record<Consumer, string>>;
    readonly onDefect: (text: string) => void;
  }) {
    this.#sqs = options.sqs;
    this.#queueUrls = options.queueUrls;
    this.#onDefect = options.onDefect;
    for (const consumer of CONSUMERS) this.#events.set(consumer, new Map());
  }

  /** Messages, repeats included. */
  get received(): number {
    return this.#received;
  }

  start(): void {
    this.#reading = CONSUMERS.map((consumer) => this.#read(consumer));
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#reading);
  }

  /** The different events of a charge that a consumer was sent. */
  eventsOf(consumer: Consumer, chargeId: string): readonly PaymentEventDetail[] {
    return [...(this.#events.get(consumer)?.get(chargeId)?.values() ?? [])];
  }

  async #read(consumer: Consumer): Promise<void> {
    for (;;) {
      try {
        await this.#take(consumer);
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        this.#onDefect(`the queue of ${consumer}: ${String(error)}`);
        await sleep(1_000);
      }
    }
  }

  /** @throws AbortError at the end */
  async #take(consumer: Consumer): Promise<void> {
    const abortSignal = this.#stopping.signal;
    abortSignal.throwIfAborted();
    const QueueUrl = this.#queueUrls[consumer];
    const receive = { QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 2 };
    const { Messages = [] } = await this.#sqs.send(new ReceiveMessageCommand(receive), { abortSignal });
    if (Messages.length === 0) return;
    const Entries = Messages.map(({ MessageId: Id, ReceiptHandle }) => ({ Id, ReceiptHandle }));
    await this.#sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
    for (const { Body = '' } of Messages) this.#keep(consumer, Body);
  }

  /** @throws z.ZodError: what is on a queue and is no event is a defect */
  #keep(consumer: Consumer, body: string): void {
    const { detail } = paymentEventEnvelope.parse(JSON.parse(body));
    const ofConsumer = this.#events.get(consumer);
    const known = ofConsumer?.get(detail.charge_id) ?? new Map<string, PaymentEventDetail>();
    ofConsumer?.set(detail.charge_id, known.set(detail.event_id, detail));
    this.#received += 1;
  }
}
