import { GetObjectLockConfigurationCommand, S3ServiceException, type S3Client } from '@aws-sdk/client-s3';

/** What a bucket does for the objects that are written into it. */
export type BucketLock =
  /** Without Object Lock, or on a server that does not know what that is. */
  | { readonly kind: 'none' }
  /** With Object Lock; `mode` is the default retention's, undefined where there is none. */
  | { readonly kind: 'locked'; readonly mode: string | undefined };

/** The bucket does not keep what is archived in it: nothing is written there. */
export class BucketNotLockedError extends Error {
  override readonly name = 'BucketNotLockedError';
}

/** @throws S3ServiceException where the answer is not to be had: refused, or an error of the server's */
export async function readBucketLock(client: S3Client, bucketName: string): Promise<BucketLock> {
  try {
    const { ObjectLockConfiguration: found } = await client.send(
      new GetObjectLockConfigurationCommand({ Bucket: bucketName }),
    );
    if (found?.ObjectLockEnabled !== 'Enabled') return { kind: 'none' };
    const { Mode: mode, Days: days = 0, Years: years = 0 } = found.Rule?.DefaultRetention ?? {};
    return { kind: 'locked', mode: days + years > 0 ? mode : undefined };
  } catch (error) {
    // Not configured, or a server that does not know what it is. Anything else is an answer that is needed.
    if (!(error instanceof S3ServiceException) || error.name === 'NoSuchBucket') throw error;
    const status = error.$metadata.httpStatusCode ?? 0;
    if (status === 404 || status === 501 || status === 400 || status === 405) return { kind: 'none' };
    throw error;
  }
}

/**
 * Asks whether the bucket keeps by itself whatever is put into it: the archiver names no retention for its objects.
 *
 * @throws BucketNotLockedError
 * @throws S3ServiceException
 */
export async function requireBucketLock(client: S3Client, bucketName: string): Promise<void> {
  const lock = await readBucketLock(client, bucketName);
  if (lock.kind === 'none') {
    throw new BucketNotLockedError(
      `the bucket ${bucketName} has no Object Lock: what is archived there could be changed, so that nothing is`,
    );
  }
  if (lock.mode !== 'COMPLIANCE') {
    throw new BucketNotLockedError(
      `the bucket ${bucketName} has Object Lock, and ${lock.mode === undefined ? 'no default retention' : `a default retention in the mode ${lock.mode}`}: the archive needs one in the mode COMPLIANCE`,
    );
  }
}
