import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { DEFAULT_PSP_ACCOUNT } from '#contract/psp-accounts';
import { LEDGER } from '#contract/tables';

import { integer, optionalText, text, type DynamoAttributes } from '../platform/dynamo-attributes.ts';
import { DynamoItemReader } from '../platform/dynamo-item-reader.ts';
import { LEDGER_SEQ, seqOf, VOID_REASONS, type LedgerEntry, type ReservedEntry } from './ledger-entry.ts';

const STATES = [
  'RESERVED',
  'SETTLED',
  'VOIDING',
  'VOIDED',
  'LATE_SUCCESS_VOIDED',
] as const satisfies readonly LedgerEntry['state'][];

/** An entry as its item. */
export function ledgerItemOf(entry: LedgerEntry): DynamoAttributes {
  return {
    [LEDGER.partitionKey]: text(entry.chargeId),
    [LEDGER.sortKey]: integer(seqOf(entry)),
    state: text(entry.state),
    tenant_id: text(entry.tenantId),
    epoch: integer(entry.epoch),
    recorded_at: text(entry.recordedAt),
    origin_region: text(entry.originRegion),
    ...contentAttributes(entry),
  };
}

function contentAttributes(entry: LedgerEntry): DynamoAttributes {
  switch (entry.state) {
    case 'RESERVED':
      return reservedAttributes(entry);
    case 'SETTLED':
      return {
        amount_minor: integer(entry.amountMinor),
        currency: text(entry.currency),
        psp_charge_id: text(entry.pspChargeId),
      };
    case 'VOIDING':
      return { reason: text(entry.reason), ...optionalText('psp_charge_id', entry.pspChargeId) };
    case 'VOIDED':
      return {
        reason: text(entry.reason),
        ...optionalText('decline_code', entry.declineCode),
        ...optionalText('psp_charge_id', entry.pspChargeId),
      };
    case 'LATE_SUCCESS_VOIDED':
      return { psp_charge_id: text(entry.pspChargeId) };
  }
}

function reservedAttributes(entry: ReservedEntry): DynamoAttributes {
  return {
    idempotency_key: text(entry.idempotencyKey),
    fingerprint: text(entry.fingerprint),
    amount_minor: integer(entry.amountMinor),
    currency: text(entry.currency),
    ...optionalText('description', entry.description),
    ...optionalText('reference', entry.reference),
    // As JSON text: a DynamoDB map forgets the order of its members, and that order is in the bytes of the answer.
    metadata: text(JSON.stringify(entry.metadata)),
    psp_name: text(entry.pspName),
    psp_account: text(entry.pspAccount),
    created_at: text(entry.createdAt),
  };
}

/**
 * The entry that an item holds.
 *
 * @throws MalformedItemError naming the charge and the attribute
 */
export function ledgerEntryOf(item: Readonly<Record<string, AttributeValue>>): LedgerEntry {
  const chargeId = item[LEDGER.partitionKey]?.S ?? '(no charge id)';
  const seq = item[LEDGER.sortKey]?.N ?? '(no seq)';
  const reader = new DynamoItemReader(`ledger entry ${chargeId}/${seq}`, item);
  const entry = entryIn(reader);
  if (seqOf(entry) !== reader.oneOf(LEDGER.sortKey, Object.values(LEDGER_SEQ))) {
    throw reader.malformed(LEDGER.sortKey, `is not the slot of ${entry.state}`);
  }
  return entry;
}

function entryIn(reader: DynamoItemReader): LedgerEntry {
  const envelope = {
    chargeId: reader.text(LEDGER.partitionKey),
    tenantId: reader.text('tenant_id'),
    epoch: reader.integer('epoch'),
    recordedAt: reader.text('recorded_at'),
    originRegion: reader.text('origin_region'),
  };
  const state = reader.oneOf('state', STATES);
  switch (state) {
    case 'RESERVED':
      return { ...envelope, state, ...reservedContent(reader) };
    case 'SETTLED':
      return {
        ...envelope,
        state,
        amountMinor: reader.integer('amount_minor'),
        currency: reader.text('currency'),
        pspChargeId: reader.text('psp_charge_id'),
      };
    case 'VOIDING':
      return {
        ...envelope,
        state,
        reason: reader.oneOf('reason', VOID_REASONS),
        pspChargeId: reader.optionalText('psp_charge_id'),
      };
    case 'VOIDED':
      return {
        ...envelope,
        state,
        reason: reader.oneOf('reason', [...VOID_REASONS, 'declined']),
        declineCode: reader.optionalText('decline_code'),
        pspChargeId: reader.optionalText('psp_charge_id'),
      };
    case 'LATE_SUCCESS_VOIDED':
      return { ...envelope, state, pspChargeId: reader.text('psp_charge_id') };
  }
}

function reservedContent(reader: DynamoItemReader) {
  return {
    idempotencyKey: reader.text('idempotency_key'),
    fingerprint: reader.text('fingerprint'),
    amountMinor: reader.integer('amount_minor'),
    currency: reader.text('currency'),
    description: reader.optionalText('description'),
    reference: reader.optionalText('reference'),
    metadata: reader.textRecord('metadata'),
    pspName: reader.text('psp_name'),
    pspAccount: reader.optionalText('psp_account') ?? DEFAULT_PSP_ACCOUNT,
    createdAt: reader.text('created_at'),
  };
}
