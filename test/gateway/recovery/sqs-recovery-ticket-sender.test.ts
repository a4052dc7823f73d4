import { randomUUID } from 'node:crypto';

import { SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import type { RecoveryTicket } from '#contract/recovery-ticket';
import { SqsRecoveryTicketSender } from '#gateway/recovery/sqs-recovery-ticket-sender';
import { eventually } from '#test/support/eventually';
import { TEST_CREDENTIALS, TEST_REGION } from '#test/support/test-aws';
import { ObservedQueue } from '#test/support/observed-queue';

describe('SqsRecoveryTicketSender', () => {
  let queue: ObservedQueue;
  let sender: SqsRecoveryTicketSender;
  beforeAll(async () => {
    queue = await ObservedQueue.create();
    sender = new SqsRecoveryTicketSender(queue.sqs, queue.url);
  });
  afterAll(() => queue.delete());
  const aTicket = (): RecoveryTicket => ({
    tenant_id: 'tenant_a',
    idempotency_key: randomUUID(),
    reason: 'late-success-watch',
  });

  it('puts a ticket on the queue', async () => {
    const ticket = aTicket();
    await sender.send(ticket, 0);
    const [body] = await queue.receive(1);
    expect(JSON.parse(body ?? '')).toEqual(ticket);
  });

  it('keeps a ticket invisible for its delay', async () => {
    await sender.send(aTicket(), 1);
    expect(await queue.receive()).toEqual([]);
    const [body] = await eventually('the ticket', async () => {
      const bodies = await queue.receive();
      return bodies.length > 0 ? bodies : undefined;
    });
    expect(body).toContain('late-success-watch');
  });

  it.each([-1, 901, 1.5])('refuses a delay of %d s, which SQS does not offer', async (delaySeconds) => {
    await expect(sender.send(aTicket(), delaySeconds)).rejects.toThrow(RangeError);
  });

  it('says that the queue is not available', async () => {
    const sqs = new SQSClient({
      endpoint: 'http://127.0.0.1:9',
      region: TEST_REGION,
      credentials: TEST_CREDENTIALS,
      maxAttempts: 1,
    });
    const unreachable = new SqsRecoveryTicketSender(sqs, 'http://127.0.0.1:9/000000000000/queue');
    await expect(unreachable.send(aTicket(), 0)).rejects.toMatchObject({
      name: 'StoreUnavailableError',
      store: 'recovery queue',
    });
    sqs.destroy();
  });
});
