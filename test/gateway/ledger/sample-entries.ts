import type {
  LateSuccessVoidedEntry,
  ReservedEntry,
  SettledEntry,
  VoidedEntry,
  VoidingEntry,
} from '#gateway/ledger/ledger-entry';
import { chargeIdOf, type ChargeKey } from '#gateway/idempotency/charge-key';

/** Entries of one charge, as the saga would write them; `changes` makes them another run's. */
export function entriesOf(key: ChargeKey, epoch: number) {
  const envelope = {
    chargeId: chargeIdOf(key),
    tenantId: key.tenantId,
    epoch,
    recordedAt: '2026-11-22T10:00:00.000Z',
    originRegion: 'us-east-1',
  };
  return {
    reserved: (changes: Partial<ReservedEntry> = {}): ReservedEntry => ({
      ...envelope,
      state: 'RESERVED',
      idempotencyKey: key.idempotencyKey,
      fingerprint: 'a1'.repeat(32),
      amountMinor: 1_999,
      currency: 'usd',
      description: 'ä "note"',
      reference: undefined,
      // In an order that is not the alphabet's.
      metadata: { zebra: '1', apple: '', mango: '☂' },
      pspName: 'stripe',
      pspAccount: 'default',
      createdAt: '2026-11-22T09:59:59.000Z',
      ...changes,
    }),
    settled: (changes: Partial<SettledEntry> = {}): SettledEntry => ({
      ...envelope,
      state: 'SETTLED',
      amountMinor: 1_999,
      currency: 'usd',
      pspChargeId: 'psp_charge_1',
      ...changes,
    }),
    voiding: (changes: Partial<VoidingEntry> = {}): VoidingEntry => ({
      ...envelope,
      state: 'VOIDING',
      reason: 'unresolved',
      pspChargeId: undefined,
      ...changes,
    }),
    declined: (changes: Partial<VoidedEntry> = {}): VoidedEntry => ({
      ...envelope,
      state: 'VOIDED',
      reason: 'declined',
      declineCode: 'insufficient_funds',
      pspChargeId: undefined,
      ...changes,
    }),
    voided: (changes: Partial<VoidedEntry> = {}): VoidedEntry => ({
      ...envelope,
      state: 'VOIDED',
      reason: 'unresolved',
      declineCode: undefined,
      pspChargeId: 'psp_charge_1',
      ...changes,
    }),
    lateSuccessVoided: (changes: Partial<LateSuccessVoidedEntry> = {}): LateSuccessVoidedEntry => ({
      ...envelope,
      state: 'LATE_SUCCESS_VOIDED',
      pspChargeId: 'psp_charge_2',
      ...changes,
    }),
  };
}
