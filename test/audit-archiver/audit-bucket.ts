import { randomUUID } from 'node:crypto';
import { gunzipSync } from 'node:zlib';

import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  paginateListObjectsV2,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';

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
    bucket.#keepWhatStands();
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

  /** The emulator does not know `If-None-Match` on a write, which S3 does: the condition is asked before it. */
  #keepWhatStands(): void {
    this.client.middlewareStack.add(
      (next, context) => async (args) => {
        const { Key, IfNoneMatch } = args.input as { Key?: string; IfNoneMatch?: string };
        if (context.commandName !== PutObjectCommand.name || Key === undefined) return next(args);
        if (IfNoneMatch === '*' && (await this.#stands(Key))) {
          throw new S3ServiceException({ name: 'PreconditionFailed', $fault: 'client', $metadata: {} });
        }
        const result = await next(args);
        this.written.push(Key);
        return result;
      },
      { step: 'initialize' },
    );
  }

  async #stands(key: string): Promise<boolean> {
    try {
      await this.client.send(new HeadObjectCommand({ Bucket: this.name, Key: key }));
      return true;
    } catch (error) {
      if (error instanceof S3ServiceException && error.$metadata.httpStatusCode === 404) return false;
      throw error;
    }
  }
}
