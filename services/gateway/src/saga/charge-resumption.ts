import type { ChargeKey } from '../idempotency/charge-key.ts';
import { chargeIdOf } from '../idempotency/charge-key.ts';
import type { Launch } from '../idempotency/checkpoint-store.ts';
import type { Epoch } from '../idempotency/epoch.ts';
import type { LeaseHolder } from '../idempotency/key-store.ts';
import type { ReservedEntry } from '../ledger/ledger-entry.ts';
import { acceptedChargeOf } from './accepted-charge.ts';
import type { AcquiredKey } from './charge-launch.ts';
import type { SagaPorts } from './saga-ports.ts';

export type Resumption =
  /** There is a charge to go on with: take its checkpoint over with this. */
  | { readonly kind: 'launch'; readonly launch: Launch }
  /** Nobody ever launched; the key is free again. */
  | { readonly kind: 'freed' }
  | { readonly kind: 'fenced' };

/**
 * What recovery, which knows no payload, takes over: what the checkpoint holds, else what the ledger remembers. A key
 * that has neither was acquired and never launched: it has promised nothing, and is fenced before it is freed, so that
 * a sleeping owner cannot launch any more (protocol rule 20).
 */
export async function resumptionOf(ports: SagaPorts, { key, holder }: AcquiredKey): Promise<Resumption> {
  const checkpoint = await ports.checkpoints.read(key);
  if (checkpoint.kind === 'present') {
    const { fingerprint, charge } = checkpoint.record;
    return { kind: 'launch', launch: { fingerprint, charge } };
  }
  const entries = await ports.ledger.read(chargeIdOf(key));
  const reserved = entries.find((entry) => entry.state === 'RESERVED');
  if (reserved !== undefined) return { kind: 'launch', launch: launchFrom(reserved) };
  return free(ports, key, holder);
}

/**
 * What it takes to acquire a charge anew whose row the key store has lost (protocol rules 9 and 22); undefined where the
 * other stores know no charge either.
 */
export async function forgottenCharge(
  ports: SagaPorts,
  key: ChargeKey,
): Promise<{ fingerprint: string; minimumEpoch: Epoch } | undefined> {
  const [checkpoint, entries] = await Promise.all([
    ports.checkpoints.read(key),
    ports.ledger.read(chargeIdOf(key)),
  ]);
  const reserved = entries.find((entry) => entry.state === 'RESERVED');
  const isPresent = checkpoint.kind === 'present';
  const fingerprint = reserved?.fingerprint ?? (isPresent ? checkpoint.record.fingerprint : undefined);
  if (fingerprint === undefined) return undefined;
  const checkpointEpoch = isPresent ? checkpoint.record.epoch : checkpoint.epoch;
  return { fingerprint, minimumEpoch: Math.max(checkpointEpoch, ...entries.map(({ epoch }) => epoch)) + 1 };
}

/** A charge without its token: it can be looked up at the PSP, not created there. */
export function launchFrom(reserved: ReservedEntry): Launch {
  return { fingerprint: reserved.fingerprint, charge: acceptedChargeOf(reserved, undefined) };
}

async function free(ports: SagaPorts, key: ChargeKey, holder: LeaseHolder): Promise<Resumption> {
  const fence = await ports.checkpoints.fence(key, holder, ports.settings.retentionSeconds);
  switch (fence.kind) {
    case 'done':
      await ports.keyStore.free(key, holder);
      return { kind: 'freed' };
    case 'launched':
      // The owner launched between our read and our fence: the sweeper finds the charge again, launched.
      await ports.keyStore.release(key, holder, 0);
      return { kind: 'fenced' };
    case 'fenced':
      return { kind: 'fenced' };
  }
}
