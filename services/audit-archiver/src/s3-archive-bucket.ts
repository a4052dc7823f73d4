import {
  GetObjectCommand,
  ListObjectsV2Command,
  paginateListObjectsV2,
  PutObjectCommand,
  S3ServiceException,
  type S3Client,
} from '@aws-sdk/client-s3';

/** The bucket under Object Lock. What is written there is never replaced: only what is absent is written. */
export class S3ArchiveBucket {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor(client: S3Client, bucket: string) {
    this.#client = client;
    this.#bucket = bucket;
  }

  /**
   * @param sha256 hex digest of `bytes`; S3 refuses bytes that arrive with another
   * @returns `stands` where an object stands under the key already; it was left as it is
   */
  async putIfAbsent(key: string, bytes: Uint8Array, sha256: string): Promise<'written' | 'stands'> {
    try {
      await this.#client.send(
        new PutObjectCommand({
          Bucket: this.#bucket,
          Key: key,
          Body: bytes,
          // No Content-Encoding: a client that unpacks by itself would see other bytes than the digest is about.
          ContentType: 'application/gzip',
          ChecksumSHA256: Buffer.from(sha256, 'hex').toString('base64'),
          IfNoneMatch: '*',
        }),
      );
      return 'written';
    } catch (error) {
      if (error instanceof S3ServiceException && error.name === 'PreconditionFailed') return 'stands';
      throw error;
    }
  }

  async read(key: string): Promise<Uint8Array> {
    const { Body: body } = await this.#client.send(new GetObjectCommand({ Bucket: this.#bucket, Key: key }));
    if (body === undefined) throw new Error(`the object ${key} came without a body`);
    return body.transformToByteArray();
  }

  /** All keys under a prefix, in their order. */
  async *keysOf(prefix: string): AsyncGenerator<string> {
    const pages = paginateListObjectsV2({ client: this.#client }, { Bucket: this.#bucket, Prefix: prefix });
    for await (const { Contents = [] } of pages) {
      for (const { Key } of Contents) if (Key !== undefined) yield Key;
    }
  }

  /** The last key in the folder that sorts before `before`, if there is one. */
  async lastKeyBefore(folder: string, before: string): Promise<string | undefined> {
    let last: string | undefined;
    let continuationToken: string | undefined;
    do {
      const page = await this.#client.send(
        new ListObjectsV2Command({
          Bucket: this.#bucket,
          Prefix: folder,
          ContinuationToken: continuationToken,
        }),
      );
      for (const { Key: key } of page.Contents ?? []) {
        if (key === undefined || key >= before) return last;
        last = key;
      }
      continuationToken = page.NextContinuationToken;
    } while (continuationToken !== undefined);
    return last;
  }
}
