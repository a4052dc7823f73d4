import { S3Client } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';

import { archiveHandler } from '#audit-archiver/archive-handler';
import { BucketNotLockedError } from '#audit-archiver/bucket-lock';
import { holdCharge, releaseCharge, TooManyHoldsError } from '#audit-archiver/legal-hold';
import { askBeforeWriting } from '#audit-archiver/only-if-absent';
import { S3VerifiedBucket } from '#audit-archiver/s3-verified-bucket';
import { RecordingLogger } from '#test/support/recording-logger';
import { TEST_CREDENTIALS, TEST_REGION } from '#test/support/test-aws';

import { AuditBucket } from './audit-bucket.ts';
import { streamRecords, windowedEvent } from './ledger-stream.ts';
import { LockedBucketEndpoint } from './locked-bucket.ts';

describe('the bucket that keeps the archive', () => {
  let bucket: AuditBucket;
  let endpoint: LockedBucketEndpoint;
  let client: S3Client;
  beforeAll(async () => {
    bucket = await AuditBucket.create();
    endpoint = await LockedBucketEndpoint.start();
    const address = { endpoint: endpoint.url, region: TEST_REGION, credentials: TEST_CREDENTIALS };
    client = new S3Client({ ...address, forcePathStyle: true });
    askBeforeWriting(client);
  });
  afterEach(() => {
    Object.assign(endpoint.lock, { mode: 'COMPLIANCE', isLocked: true });
  });
  afterAll(async () => {
    client.destroy();
    await endpoint.stop();
    await bucket.remove();
  });

  const archiver = () =>
    archiveHandler({
      ...{ client, bucketName: bucket.name, region: TEST_REGION, requiresLock: true },
      log: new RecordingLogger() as unknown as { error: () => void },
    });
  const pathOf = (key: string) => `/${bucket.name}/${key}`;

  it.each<[string, Partial<LockedBucketEndpoint['lock']>, RegExp]>([
    ['without Object Lock', { isLocked: false }, /has no Object Lock/],
    ['without a default retention', { mode: undefined }, /no default retention/],
    ['whose retention can be lifted', { mode: 'GOVERNANCE' }, /in the mode GOVERNANCE.*COMPLIANCE/],
  ])('is refused %s, with nothing written', async (_name, lock, message) => {
    Object.assign(endpoint.lock, lock);
    const attempt = archiver()(windowedEvent('shardId-refused', streamRecords(1, 2)));
    await expect(attempt).rejects.toBeInstanceOf(BucketNotLockedError);
    await expect(attempt).rejects.toThrow(message);
    expect(await bucket.keys()).toEqual([]);
  });

  it('is asked again after it was refused, and then taken', async () => {
    endpoint.lock.isLocked = false;
    const archive = archiver();
    const event = windowedEvent('shardId-1', streamRecords(1, 2));
    await expect(archive(event)).rejects.toBeInstanceOf(BucketNotLockedError);
    endpoint.lock.isLocked = true;
    expect(await archive(event)).toMatchObject({ batchItemFailures: [] });
    await archive(windowedEvent('shardId-1', streamRecords(3, 3)));
    expect(await bucket.keys()).toHaveLength(2);
  });

  it('keeps what is put on hold for a charge, until that charge and every other one is released', async () => {
    const options = { client, bucketName: bucket.name };
    const [key = '', other = ''] = await bucket.keys();
    expect(await holdCharge({ ...options, chargeId: 'ch_1' })).toEqual([
      { key, isHeld: true, alsoHeldFor: [] },
    ]);
    await holdCharge({ ...options, chargeId: 'ch_1' });
    await holdCharge({ ...options, chargeId: 'ch_2' });
    expect([...endpoint.held]).toEqual([pathOf(key)]);
    const verified = new S3VerifiedBucket(client, bucket.name);
    expect(await verified.retentionOf(key)).toEqual({
      ...{ mode: 'COMPLIANCE', until: endpoint.lock.until, legalHold: true },
    });
    expect((await verified.retentionOf(other))?.legalHold).toBe(false);
    // The same object holds the other charge as well.
    const first = await releaseCharge({ ...options, chargeId: 'ch_1' });
    expect(first).toEqual([{ key, isHeld: true, alsoHeldFor: ['ch_2'] }]);
    expect([...endpoint.held]).toEqual([pathOf(key)]);
    expect(await releaseCharge({ ...options, chargeId: 'ch_2' })).toMatchObject([{ key, isHeld: false }]);
    expect([...endpoint.held]).toEqual([]);
  });

  it('leaves alone a hold that somebody else has put on, and a charge that is in no object', async () => {
    const options = { client, bucketName: bucket.name };
    const [key = ''] = await bucket.keys();
    endpoint.held.add(pathOf(key));
    expect(await releaseCharge({ ...options, chargeId: 'ch_1' })).toEqual([
      { key, isHeld: true, alsoHeldFor: [] },
    ]);
    const both = [{ key, isHeld: true, alsoHeldFor: ['other-means'] }];
    expect(await holdCharge({ ...options, chargeId: 'ch_1' })).toEqual(both);
    expect(await holdCharge({ ...options, chargeId: 'ch_1' })).toEqual(both);
    expect(await releaseCharge({ ...options, chargeId: 'ch_1' })).toEqual(both);
    expect([...endpoint.held]).toEqual([pathOf(key)]);
    expect(await holdCharge({ ...options, chargeId: 'ch_unheard_of' })).toEqual([]);
    endpoint.held.clear();
  });

  it('takes no more holds on one object than it can remember', async () => {
    const chargeIds = Array.from({ length: 11 }, (_, index) => `ch_${100 + index}`);
    await archiver()(windowedEvent('shardId-many', streamRecords(100, 110)));
    const hold = (chargeId: string) => holdCharge({ client, bucketName: bucket.name, chargeId });
    for (const chargeId of chargeIds.slice(0, 10)) await hold(chargeId);
    await expect(hold(chargeIds[10] ?? '')).rejects.toBeInstanceOf(TooManyHoldsError);
    expect(endpoint.held.size).toBe(1);
  });

  it('cannot be asked to hold anything where it has no Object Lock', async () => {
    endpoint.lock.isLocked = false;
    const attempt = holdCharge({ client, bucketName: bucket.name, chargeId: 'ch_1' });
    await expect(attempt).rejects.toThrow(/has no Object Lock: nothing in it can be put on hold/);
  });
});
