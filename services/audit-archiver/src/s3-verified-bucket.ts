import {
  HeadObjectCommand,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';

import { readBucketLock, type BucketLock } from './bucket-lock.ts';
import { S3ArchiveBucket } from './s3-archive-bucket.ts';
import type { ObjectRetention, VerifiedBucket } from './verify-archive.ts';

const PREFIX = 'ledger/';

/** A bucket as the verification reads it. */
export class S3VerifiedBucket implements VerifiedBucket {
  readonly #client: S3Client;
  readonly #bucketName: string;
  readonly #bucket: S3ArchiveBucket;
  #lock: Promise<BucketLock> | undefined;

  constructor(client: S3Client, bucketName: string) {
    this.#client = client;
    this.#bucketName = bucketName;
    this.#bucket = new S3ArchiveBucket(client, bucketName);
  }

  keys(): AsyncIterable<string> {
    return this.#bucket.keysOf(PREFIX);
  }

  read(key: string): Promise<Uint8Array> {
    return this.#bucket.read(key);
  }

  async retentionOf(key: string): Promise<ObjectRetention | undefined> {
    if (!(await this.#isLocked())) return undefined;
    const head = await this.#client.send(new HeadObjectCommand({ Bucket: this.#bucketName, Key: key }));
    return {
      mode: head.ObjectLockMode,
      until: head.ObjectLockRetainUntilDate?.toISOString(),
      legalHold: head.ObjectLockLegalHoldStatus === 'ON',
    };
  }

  /** Only a bucket under Object Lock has versions to look at. */
  async *changedKeys(): AsyncGenerator<string> {
    if (!(await this.#isLocked())) return;
    let page: ListObjectVersionsCommandOutput | undefined;
    do {
      page = await this.#client.send(
        new ListObjectVersionsCommand({
          Bucket: this.#bucketName,
          Prefix: PREFIX,
          KeyMarker: page?.NextKeyMarker,
          VersionIdMarker: page?.NextVersionIdMarker,
        }),
      );
      const older = (page.Versions ?? []).filter(({ IsLatest }) => IsLatest !== true);
      for (const { Key } of [...older, ...(page.DeleteMarkers ?? [])]) if (Key !== undefined) yield Key;
    } while (page.IsTruncated === true);
  }

  async #isLocked(): Promise<boolean> {
    this.#lock ??= readBucketLock(this.#client, this.#bucketName);
    return (await this.#lock).kind === 'locked';
  }
}
