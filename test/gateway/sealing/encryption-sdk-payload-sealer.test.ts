import { randomBytes, randomUUID } from 'node:crypto';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

import { StoreUnavailableError } from '#gateway/platform/store-unavailable-error';
import { EncryptionSdkPayloadSealer } from '#gateway/sealing/encryption-sdk-payload-sealer';
import type { SealedPayloadFailure, SealingContext } from '#gateway/sealing/payload-sealer';
import { KmsTokenKeyring } from '#gateway/sealing/kms-token-keyring';
import { localKeyring } from '#gateway/sealing/local-token-keyring';

import { KmsEndpoint, TEST_KEY_ARN } from '../../support/kms-endpoint.ts';
import { TEST_CREDENTIALS, TEST_REGION } from '../../support/test-aws.ts';

const TOKEN = Buffer.from('pm_card_of_somebody');

function aContext(): SealingContext {
  return { tenantId: 'tenant_a', idempotencyKey: randomUUID() };
}

function aKey(name: string) {
  return { name, key: randomBytes(32) };
}

function refusal(failure: SealedPayloadFailure) {
  return expect.objectContaining({ name: 'SealedPayloadError', failure }) as unknown as Error;
}

describe('a sealed payload', () => {
  const key = aKey('current');
  const sealer = new EncryptionSdkPayloadSealer(localKeyring([key]));
  const context = aContext();
  let sealed: Uint8Array;
  beforeAll(async () => {
    sealed = await sealer.seal(TOKEN, context);
  });

  it('opens for the charge that it was sealed for', async () => {
    expect(Buffer.from(await sealer.open(sealed, context))).toEqual(TOKEN);
  });

  it('opens on another task that has the key', async () => {
    const other = new EncryptionSdkPayloadSealer(localKeyring([key]));
    expect(Buffer.from(await other.open(sealed, context))).toEqual(TOKEN);
  });

  it('does not show what it holds', () => {
    expect(Buffer.from(sealed).includes(TOKEN)).toBe(false);
  });

  it('is another one each time, so that equal tokens cannot be told', async () => {
    expect(Buffer.from(await sealer.seal(TOKEN, context))).not.toEqual(Buffer.from(sealed));
  });

  it.each([
    ['another key of the same tenant', { tenantId: context.tenantId, idempotencyKey: randomUUID() }],
    ['the same key of another tenant', { ...context, tenantId: 'tenant_b' }],
  ])('does not open for %s', async (_, other) => {
    await expect(sealer.open(sealed, other)).rejects.toEqual(refusal('wrong-context'));
  });

  it('does not open once its header names another charge', async () => {
    const forged = Buffer.from(sealed);
    const place = forged.indexOf(context.tenantId);
    expect(place).toBeGreaterThan(0);
    forged.write('tenant_b', place);
    await expect(sealer.open(forged, { ...context, tenantId: 'tenant_b' })).rejects.toEqual(
      refusal('damaged'),
    );
  });

  it('does not open truncated at any length', async () => {
    for (let length = 0; length < sealed.byteLength; length += 7) {
      await expect(sealer.open(sealed.subarray(0, length), context)).rejects.toMatchObject({
        name: 'SealedPayloadError',
      });
    }
  });

  it('does not open with any byte changed', async () => {
    for (let place = 0; place < sealed.byteLength; place += 5) {
      const changed = Buffer.from(sealed);
      changed[place] = (changed[place] ?? 0) ^ 0x01;
      await expect(sealer.open(changed, context)).rejects.toMatchObject({ name: 'SealedPayloadError' });
    }
  });

  it('opens with a key that seals no more, and not once that is retired', async () => {
    const next = aKey('next');
    const during = new EncryptionSdkPayloadSealer(localKeyring([next, key]));
    expect(Buffer.from(await during.open(sealed, context))).toEqual(TOKEN);
    const after = new EncryptionSdkPayloadSealer(localKeyring([next]));
    await expect(after.open(sealed, context)).rejects.toEqual(refusal('retired-key'));
    const newlySealed = await during.seal(TOKEN, context);
    expect(Buffer.from(await after.open(newlySealed, context))).toEqual(TOKEN);
  });

  it('says in its errors nothing of what it holds', async () => {
    const error: unknown = await sealer.open(sealed, aContext()).catch((thrown: unknown) => thrown);
    expect(`${String(error)} ${JSON.stringify(error)}`).not.toContain(TOKEN.toString());
  });

  it('is refused to what is far too long for a token', async () => {
    await expect(sealer.seal(Buffer.alloc(20_000), context)).rejects.toThrow(RangeError);
  });
});

describe('sealing by KMS', () => {
  const outside = { ...process.env };
  let kms: KmsEndpoint;
  const keyrings: KmsTokenKeyring[] = [];
  let sealer: EncryptionSdkPayloadSealer;
  function sealerOf(keyArn = TEST_KEY_ARN, region = TEST_REGION): EncryptionSdkPayloadSealer {
    const keyring = new KmsTokenKeyring(keyArn, region);
    keyrings.push(keyring);
    return new EncryptionSdkPayloadSealer(keyring);
  }
  beforeAll(async () => {
    kms = await KmsEndpoint.start();
    process.env.AWS_ENDPOINT_URL_KMS = kms.url;
    process.env.AWS_ACCESS_KEY_ID = TEST_CREDENTIALS.accessKeyId;
    process.env.AWS_SECRET_ACCESS_KEY = TEST_CREDENTIALS.secretAccessKey;
  });
  afterAll(async () => {
    for (const keyring of keyrings) keyring.close();
    await kms.stop();
    process.env = outside;
  });
  beforeEach(() => {
    sealer = sealerOf();
    kms.failure = undefined;
    kms.calls.clear();
  });

  it('costs ten thousand charges a handful of calls, also where they all come at once', async () => {
    const contexts = Array.from({ length: 10_000 }, aContext);
    const sealed: Uint8Array[] = [];
    for (let first = 0; first < contexts.length; first += 500) {
      const batch = contexts.slice(first, first + 500);
      sealed.push(...(await Promise.all(batch.map((context) => sealer.seal(TOKEN, context)))));
    }
    const opened = await Promise.all(
      contexts.map(async (context, index) => sealer.open(sealed[index] ?? TOKEN, context)),
    );
    expect(opened.every((plaintext) => TOKEN.equals(plaintext))).toBe(true);
    expect(kms.callCount).toBeLessThanOrEqual(4);
    expect(kms.calls.get('GenerateDataKey')).toBe(1);
    // Some 20 s of computing alone, more where others compute.
  }, 240_000);

  it.each([
    [500, 'KMSInternalException'],
    [400, 'ThrottlingException'],
    [400, 'LimitExceededException'],
    [500, 'KeyUnavailableException'],
    [403, 'ExpiredTokenException'],
    [400, 'UnrecognizedClientException'],
  ])('is a store that is away where KMS answers %i %s', async (status, name) => {
    const context = aContext();
    const sealed = await sealer.seal(TOKEN, context);
    kms.failure = { status, name };
    const other = sealerOf();
    await expect(other.open(sealed, context)).rejects.toBeInstanceOf(StoreUnavailableError);
    await expect(other.seal(TOKEN, context)).rejects.toMatchObject({
      name: 'StoreUnavailableError',
      applied: 'no',
    });
  });

  it('opens in the other region, by its share of the key', async () => {
    const context = aContext();
    const sealed = await sealer.seal(TOKEN, context);
    const other = sealerOf(TEST_KEY_ARN.replace(TEST_REGION, 'us-west-2'), 'us-west-2');
    expect(Buffer.from(await other.open(sealed, context))).toEqual(TOKEN);
  });

  it('is refused, without a call, where the payload names another key', async () => {
    const context = aContext();
    const sealed = await sealer.seal(TOKEN, context);
    kms.calls.clear();
    const other = sealerOf(TEST_KEY_ARN.replace(/1$/, '2'));
    await expect(other.open(sealed, context)).rejects.toEqual(refusal('retired-key'));
    expect(kms.callCount).toBe(0);
  });

  it('is a store that is away where nobody answers', async () => {
    const context = aContext();
    const sealed = await sealer.seal(TOKEN, context);
    process.env.AWS_ENDPOINT_URL_KMS = 'http://127.0.0.1:1';
    const other = sealerOf();
    try {
      await expect(other.open(sealed, context)).rejects.toBeInstanceOf(StoreUnavailableError);
      await expect(other.seal(TOKEN, context)).rejects.toBeInstanceOf(StoreUnavailableError);
    } finally {
      process.env.AWS_ENDPOINT_URL_KMS = kms.url;
    }
  });

  it.each(['DisabledException', 'AccessDeniedException', 'KMSInvalidStateException'])(
    'is refused for good where KMS says %s',
    async (name) => {
      const context = aContext();
      const sealed = await sealer.seal(TOKEN, context);
      kms.failure = { status: 400, name };
      const other = sealerOf();
      await expect(other.open(sealed, context)).rejects.toEqual(refusal('retired-key'));
    },
  );

  it('asks once for all who wait, so that an outage refuses them together and not one after the other', async () => {
    kms.failure = { status: 500, name: 'KMSInternalException' };
    const all = await Promise.allSettled(Array.from({ length: 50 }, () => sealer.seal(TOKEN, aContext())));
    expect(all.every(({ status }) => status === 'rejected')).toBe(true);
    // One call and its one repeat.
    expect(kms.callCount).toBeLessThanOrEqual(2);
    kms.failure = undefined;
    await expect(sealer.seal(TOKEN, aContext())).resolves.toBeDefined();
  });

  it('goes on with the data key that it has while KMS is away', async () => {
    await sealer.seal(TOKEN, aContext());
    kms.failure = { status: 500, name: 'KMSInternalException' };
    await expect(sealer.seal(TOKEN, aContext())).resolves.toBeDefined();
  });
});
