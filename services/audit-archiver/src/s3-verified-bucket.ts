import {
  GetObjectLockConfigurationCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  S3ServiceException,
  type ListObjectVersionsCommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';

import { S3ArchiveBucket } from './s3-archive-bucket.ts';
import type { ObjectRetention, VerifiedBucket } from './verify-archive.ts';

const PREFIX = 'ledger/';

/** A bucket as the verification reads it. */
export class S3VerifiedBucket implements VerifiedBucket {
  readonly #client: S3Client;
  readonly #bucketName: string;
  readonly #bucket: S3ArchiveBucket;
  #hasLock: Promise<boolean> | undefined;

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
    this.#hasLock ??= this.#askForLock();
    if (!(await this.#hasLock)) return undefined;
    const head = await this.#client.send(new HeadObjectCommand({ Bucket: this.#bucketName, Key: key }));
    return {
      mode: head.ObjectLockMode,
      until: head.ObjectLockRetainUntilDate?.toISOString(),
      legalHold: head.ObjectLockLegalHoldStatus === 'ON',
    };
  }

  /** Only a bucket under Object Lock has versions to look at. */
  async *changedKeys(): AsyncGenerator<string> {
    this.#hasLock ??= this.#askForLock();
    if (!(await this.#hasLock)) return;
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

  async #askForLock(): Promise<boolean> {
    try {
      const { ObjectLockConfiguration: found } = await this.#client.send(
        new GetObjectLockConfigurationCommand({ Bucket: this.#bucketName }),
      );
      return found?.ObjectLockEnabled === 'Enabled';
    } catch (error) {
      // Not configured, or a server that does not know what it is. Anything else is an answer that is needed.
      if (!(error instanceof S3ServiceException)) throw error;
      const status = error.$metadata.httpStatusCode ?? 0;
      if (status === 404 || status === 501 || status === 400 || status === 405) return false;
      throw error;
    }
  }
}
