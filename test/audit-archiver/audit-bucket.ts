import { randomUUID } from 'node:crypto';
import { gunzipSync } from 'node:zlib';

import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  paginateListObjectsV2,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';

import { askBeforeWriting } from '#audit-archiver/only-if-absent';
import { TEST_CREDENTIALS, TEST_REGION } from '#test/support/test-aws';
import { testCloud } from '#test/support/test-cloud';

/** A bucket of a test's own in the emulator. */
export class AuditBucket {
  readonly name = `audit-${randomUUID()}`;
  readonly client = new S3Client({
    endpoint: testCloud().sqsEndpoint,
    region: TEST_REGION,
    credentials: TEST_CREDENTIALS,
    forcePathStyle: true,
  });
  /** Keys that were written, in the order of the writes. */
  readonly written: string[] = [];

  static async create(): Promise<AuditBucket> {
    const bucket = new AuditBucket();
    await bucket.client.send(new CreateBucketCommand({ Bucket: bucket.name }));
    askBeforeWriting(bucket.client);
    bucket.#recordWrites();
    return bucket;
  }

  async keys(): Promise<string[]> {
    const keys: string[] = [];
    for await (const { Contents: contents = [] } of paginateListObjectsV2(
      { client: this.client },
      { Bucket: this.name },
    )) {
      keys.push(...contents.map(({ Key }) => Key ?? ''));
    }
    return keys;
  }

  async bytes(key: string): Promise<Uint8Array> {
    const { Body } = await this.client.send(new GetObjectCommand({ Bucket: this.name, Key: key }));
    return (await Body?.transformToByteArray()) ?? new Uint8Array();
  }

  /** The lines of an object, unpacked and parsed. */
  async lines(key: string): Promise<Record<string, unknown>[]> {
    const text = gunzipSync(await this.bytes(key)).toString();
    return text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  async remove(): Promise<void> {
    for (const Key of await this.keys()) {
      await this.client.send(new DeleteObjectCommand({ Bucket: this.name, Key }));
    }
    await this.client.send(new DeleteBucketCommand({ Bucket: this.name }));
    this.client.destroy();
  }

  #recordWrites(): void {
    this.client.middlewareStack.add(
      (next, context) => async (args) => {
        const result = await next(args);
        const { Key } = args.input as { Key?: string };
        if (context.commandName === PutObjectCommand.name && Key !== undefined) this.written.push(Key);
        return result;
      },
      { step: 'initialize' },
    );
  }
}
