import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  ChangeMessageVisibilityCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createQueues, type ServiceAddress } from '#local-cloud/create-resources';
import { findFreePort } from '#local-cloud/free-port';
import { Guardian } from '#local-cloud/guardian';
import { ProcessGroup } from '#local-cloud/process-group';
import { queueEmulator } from '#local-cloud/queue-emulator';
import type { QueueDefinition } from '#local-cloud/resource-definitions';

const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };

const queues: QueueDefinition[] = [
  { name: 'work-dlq', visibilityTimeoutSeconds: 30, retentionSeconds: 1_209_600 },
  {
    name: 'work',
    visibilityTimeoutSeconds: 30,
    retentionSeconds: 1_209_600,
    redrive: { deadLetterQueueName: 'work-dlq', maxReceiveCount: 2 },
  },
];

describe('the queue emulator on disk', () => {
  let dataDir: string;
  let guardian: Guardian;
  let group: ProcessGroup;
  let address: ServiceAddress;
  let sqs: SQSClient;

  beforeEach(async () => {
    dataDir = mkdtempSync(path.join(tmpdir(), 'charge-once-queues-'));
    guardian = new Guardian();
    guardian.start();
    await startEmulator();
  });

  afterEach(async () => {
    sqs.destroy();
    await group.stop();
    await guardian.dismiss();
    rmSync(dataDir, { recursive: true, force: true });
  });

  async function startEmulator(): Promise<void> {
    const listener = { spawned: () => undefined, printed: () => undefined, lost: () => undefined };
    group = new ProcessGroup({ guardian, listener, restart: false });
    const port = await findFreePort();
    await group.start(queueEmulator({ name: 'queues', port, dataDir }));
    address = { endpoint: `http://127.0.0.1:${port}`, region: 'us-east-1', credentials };
    sqs = new SQSClient(address);
  }

  /** As a power cut would: no process of it can write anything any more. */
  async function killAndStartAgain(): Promise<void> {
    sqs.destroy();
    group.abandon();
    await group.stop();
    await startEmulator();
  }

  async function receive(queueUrl: string | undefined): Promise<Message | undefined> {
    const { Messages } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl: queueUrl, MessageSystemAttributeNames: ['All'] }),
    );
    return Messages?.[0];
  }

  const giveBack = (queueUrl: string | undefined, message: Message | undefined) =>
    sqs.send(
      new ChangeMessageVisibilityCommand({
        QueueUrl: queueUrl,
        ReceiptHandle: message?.ReceiptHandle,
        VisibilityTimeout: 0,
      }),
    );

  it('moves a message to the dead-letter queue after it was received as often as allowed', async () => {
    const urls = await createQueues(address, queues);
    const work = urls.get('work');
    await sqs.send(new SendMessageCommand({ QueueUrl: work, MessageBody: 'poison' }));

    await giveBack(work, await receive(work));
    const second = await receive(work);
    expect(second?.Attributes?.ApproximateReceiveCount).toBe('2');
    await giveBack(work, second);

    expect(await receive(work)).toBeUndefined();
    expect((await receive(urls.get('work-dlq')))?.Body).toBe('poison');
  });

  it('keeps queues, messages and their counts over a kill, and names its new address', async () => {
    const before = await createQueues(address, queues);
    await sqs.send(new SendMessageCommand({ QueueUrl: before.get('work'), MessageBody: 'ticket' }));
    await giveBack(before.get('work'), await receive(before.get('work')));

    await killAndStartAgain();

    const after = await createQueues(address, queues);
    expect(after.get('work')).toBe(`${address.endpoint}/000000000000/work`);
    const message = await receive(after.get('work'));
    expect(message).toMatchObject({ Body: 'ticket', Attributes: { ApproximateReceiveCount: '2' } });
  });

  it('gives a queue that is there already what its definition says by now', async () => {
    await createQueues(address, queues);
    const changed = queues.map((queue) => ({ ...queue, visibilityTimeoutSeconds: 45 }));

    const urls = await createQueues(address, changed);

    const { Attributes: attributes } = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl: urls.get('work'), AttributeNames: ['All'] }),
    );
    expect(attributes).toMatchObject({ VisibilityTimeout: '45', MessageRetentionPeriod: '1209600' });
    expect(JSON.parse(attributes?.RedrivePolicy ?? '')).toMatchObject({ maxReceiveCount: 2 });
  });
});
