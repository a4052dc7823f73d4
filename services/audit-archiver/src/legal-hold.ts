import {
  GetObjectLegalHoldCommand,
  GetObjectTaggingCommand,
  PutObjectLegalHoldCommand,
  PutObjectTaggingCommand,
  S3ServiceException,
  type S3Client,
  type Tag,
} from '@aws-sdk/client-s3';

import { BucketNotLockedError, readBucketLock } from './bucket-lock.ts';
import { readArchivedObject } from './read-archived-object.ts';
import { S3ArchiveBucket } from './s3-archive-bucket.ts';

/** A tag of an object by each charge that it is held for, because an object holds the entries of several charges. */
const TAG_PREFIX = 'legal-hold-for:';
/** In the place of a charge: the object was on hold before the first charge that it is held for by this command. */
const BY_OTHER_MEANS = 'other-means';
/** S3 keeps no more tags on an object. */
const MOST_TAGS = 10;

/** An object cannot be held for one more charge. */
export class TooManyHoldsError extends Error {
  override readonly name = 'TooManyHoldsError';
}

/** What was done about one object that holds entries of the charge. */
export interface HeldObject {
  readonly key: string;
  /** Whether it is on legal hold now. */
  readonly isHeld: boolean;
  /** Other charges that it is held for, and `other-means` where it was on hold before any of them. */
  readonly alsoHeldFor: readonly string[];
}

export interface LegalHoldOptions {
  readonly client: S3Client;
  readonly bucketName: string;
  readonly chargeId: string;
}

/**
 * Puts every object that holds an entry of the charge on legal hold: whatever retention says, nobody can delete it
 * until it is released. It reads every object of the archive. Doing it again changes nothing.
 *
 * @returns the objects, none where the charge is in no object
 * @throws BucketNotLockedError
 * @throws TooManyHoldsError before anything of that object was changed
 */
export function holdCharge(options: LegalHoldOptions): Promise<HeldObject[]> {
  return eachObject(options, async (key, { others, tags }) => {
    const kept = tags.filter(({ Key }) => Key !== TAG_PREFIX + options.chargeId);
    // A hold that no tag accounts for is somebody else's, and stays when the last charge is released.
    const isForeign = kept.length === tags.length && others.length === 0 && (await isOnHold(options, key));
    const alsoHeldFor = isForeign ? [BY_OTHER_MEANS] : others;
    const added = [...(isForeign ? [BY_OTHER_MEANS] : []), options.chargeId];
    if (kept.length + added.length > MOST_TAGS) {
      throw new TooManyHoldsError(`${key} has ${kept.length} tags already`);
    }
    // The tags go first: a hold that nobody could release would be worse than a tag without a hold.
    await putTags(options, key, [...kept, ...added.map((name) => ({ Key: TAG_PREFIX + name, Value: 'on' }))]);
    await putHold(options, key, 'ON');
    return { key, isHeld: true, alsoHeldFor };
  });
}

/**
 * Takes back what `holdCharge` did. An object that is held for another charge as well stays on hold, and so does one
 * that somebody put on hold by other means.
 *
 * @throws BucketNotLockedError
 */
export function releaseCharge(options: LegalHoldOptions): Promise<HeldObject[]> {
  return eachObject(options, async (key, { others, tags }) => {
    const kept = tags.filter(({ Key }) => Key !== TAG_PREFIX + options.chargeId);
    if (kept.length === tags.length) {
      const isHeld = others.length > 0 || (await isOnHold(options, key));
      return { key, isHeld, alsoHeldFor: others };
    }
    if (others.length === 0) await putHold(options, key, 'OFF');
    await putTags(options, key, kept);
    return { key, isHeld: others.length > 0, alsoHeldFor: others };
  });
}

interface TagsOfObject {
  readonly tags: readonly Tag[];
  readonly others: readonly string[];
}

async function eachObject(
  options: LegalHoldOptions,
  act: (key: string, tags: TagsOfObject) => Promise<HeldObject>,
): Promise<HeldObject[]> {
  const { client, bucketName, chargeId } = options;
  if ((await readBucketLock(client, bucketName)).kind === 'none') {
    throw new BucketNotLockedError(
      `the bucket ${bucketName} has no Object Lock: nothing in it can be put on hold`,
    );
  }
  const bucket = new S3ArchiveBucket(client, bucketName);
  const acted: HeldObject[] = [];
  for await (const key of bucket.keysOf('ledger/')) {
    const { entries } = readArchivedObject(await bucket.read(key));
    if (!entries.some(({ image }) => image.charge_id.S === chargeId)) continue;
    const { TagSet: tags = [] } = await client.send(
      new GetObjectTaggingCommand({ Bucket: bucketName, Key: key }),
    );
    const holders = tags.flatMap(({ Key = '' }) =>
      Key.startsWith(TAG_PREFIX) ? [Key.slice(TAG_PREFIX.length)] : [],
    );
    acted.push(await act(key, { tags, others: holders.filter((holder) => holder !== chargeId) }));
  }
  return acted;
}

async function isOnHold({ client, bucketName }: LegalHoldOptions, key: string): Promise<boolean> {
  try {
    const { LegalHold } = await client.send(new GetObjectLegalHoldCommand({ Bucket: bucketName, Key: key }));
    return LegalHold?.Status === 'ON';
  } catch (error) {
    // It never was on hold.
    if (error instanceof S3ServiceException && error.name === 'NoSuchObjectLockConfiguration') return false;
    throw error;
  }
}

async function putHold(
  { client, bucketName }: LegalHoldOptions,
  key: string,
  status: 'ON' | 'OFF',
): Promise<void> {
  await client.send(
    new PutObjectLegalHoldCommand({ Bucket: bucketName, Key: key, LegalHold: { Status: status } }),
  );
}

async function putTags(
  { client, bucketName }: LegalHoldOptions,
  key: string,
  tags: readonly Tag[],
): Promise<void> {
  await client.send(
    new PutObjectTaggingCommand({ Bucket: bucketName, Key: key, Tagging: { TagSet: [...tags] } }),
  );
}
