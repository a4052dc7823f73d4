import { isDeepStrictEqual } from 'node:util';

import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { DEFAULT_PSP_ACCOUNT } from '#contract/psp-accounts';
import { CHECKPOINTS } from '#contract/tables';

import { VOID_REASONS } from '../ledger/ledger-entry.ts';
import { integer, optionalText, text, type DynamoAttributes } from '../platform/dynamo-attributes.ts';
import { DynamoItemReader } from '../platform/dynamo-item-reader.ts';
import type { AcceptedCharge } from '../saga/accepted-charge.ts';
import { CHECKPOINT_STEPS, isTerminal, type Checkpoint, type CheckpointRecord } from '../saga/checkpoint.ts';
import type { TerminalResponse } from '../saga/terminal-response.ts';
import type { ChargeKey } from './charge-key.ts';

/**
 * The attributes of a checkpoint item. An item without a `charge` is a fence: it holds an epoch, and nothing was
 * launched. The names are persisted, so they are append-only.
 */

type Item = Readonly<Record<string, AttributeValue>>;

/** What belongs to one step only; a move to another step removes what that one does not have. */
export const STEP_ATTRIBUTES = [
  'psp_pending_since_epoch_ms',
  'server_error_at_epoch_ms',
  'void_reason',
  'psp_charge_id',
  'void_attempts',
  'response_status',
  'response_body',
  'outcome',
] as const;

/** Step attributes in which two writes of the same decision by the same run may differ. */
const INCIDENTAL_ATTRIBUTES: readonly string[] = [
  'psp_pending_since_epoch_ms',
  'server_error_at_epoch_ms',
  'void_attempts',
];

const OUTCOMES = ['SETTLED', 'VOIDED'] as const;
const RESPONSE_STATUSES = [201, 402] as const satisfies readonly TerminalResponse['status'][];

export function keyAttributes(key: ChargeKey): DynamoAttributes {
  return {
    [CHECKPOINTS.partitionKey]: text(key.tenantId),
    [CHECKPOINTS.sortKey]: text(key.idempotencyKey),
  };
}

/** The charge, without its payment method. */
export function chargeAttribute(charge: AcceptedCharge): AttributeValue {
  return {
    M: {
      amount_minor: integer(charge.amountMinor),
      currency: text(charge.currency),
      ...optionalText('description', charge.description),
      ...optionalText('reference', charge.reference),
      // As JSON text: a DynamoDB map forgets the order of its members, and that order is in the bytes of the answer.
      metadata: text(JSON.stringify(charge.metadata)),
      psp_name: text(charge.pspName),
      psp_account: text(charge.pspAccount),
      created_at: text(charge.createdAt),
    },
  };
}

/** The payment method of a request as it is stored: sealed. */
export interface SealedPaymentMethod {
  readonly fingerprint: string;
  readonly sealed: Uint8Array;
}

/**
 * The sealed payment method, with the fingerprint of the request that it came with: a launch sets it only where the item
 * has none, and the item may belong to a request with another payload, which must not be charged to this card.
 */
export function paymentMethodAttributes(paymentMethod: SealedPaymentMethod | undefined): DynamoAttributes {
  if (paymentMethod === undefined) return {};
  const { fingerprint, sealed } = paymentMethod;
  return { payment_method: { M: { fingerprint: text(fingerprint), sealed: { B: sealed } } } };
}

/** `step` and what belongs to it. */
export function stepAttributes(checkpoint: Checkpoint): DynamoAttributes {
  const step = { step: text(checkpoint.step) };
  switch (checkpoint.step) {
    case 'VALIDATED':
      return step;
    case 'PSP_PENDING':
      return {
        ...step,
        psp_pending_since_epoch_ms: integer(checkpoint.pspPendingSinceEpochMs),
        ...(checkpoint.serverErrorAtEpochMs === undefined
          ? {}
          : { server_error_at_epoch_ms: integer(checkpoint.serverErrorAtEpochMs) }),
        ...(checkpoint.createRepeatedAtEpochMs === undefined
          ? {}
          : { create_repeated_at_epoch_ms: integer(checkpoint.createRepeatedAtEpochMs) }),
      };
    case 'VOIDING':
      return {
        ...step,
        void_reason: text(checkpoint.reason),
        ...optionalText('psp_charge_id', checkpoint.pspChargeId),
        void_attempts: integer(checkpoint.voidAttempts),
      };
    case 'SETTLED':
    case 'VOIDED':
      return { ...step, ...responseAttributes(checkpoint.response) };
    case 'EVENTS_EMITTED':
      return {
        ...step,
        ...responseAttributes(checkpoint.response),
        outcome: text(checkpoint.outcome),
      };
  }
}

function responseAttributes(response: TerminalResponse): DynamoAttributes {
  return { response_status: integer(response.status), response_body: text(response.body) };
}

/** Whether two checkpoints say the same about the charge. */
export function isSameDecision(one: Checkpoint, other: Checkpoint): boolean {
  return isDeepStrictEqual(decisiveAttributes(one), decisiveAttributes(other));
}

function decisiveAttributes(checkpoint: Checkpoint): DynamoAttributes {
  const entries = Object.entries(stepAttributes(checkpoint));
  return Object.fromEntries(entries.filter(([name]) => !INCIDENTAL_ATTRIBUTES.includes(name)));
}

/** A reader of a checkpoint item, which names the key in its errors. */
export function checkpointReader(item: Item): DynamoItemReader {
  const tenantId = item[CHECKPOINTS.partitionKey]?.S ?? '(no tenant)';
  const uuid = item[CHECKPOINTS.sortKey]?.S ?? '(no key)';
  return new DynamoItemReader(`checkpoint ${tenantId}/${uuid}`, item);
}

/** Whether the item was launched; else it is a fence. */
export function isLaunched(reader: DynamoItemReader): boolean {
  return reader.has('charge');
}

/** The record of a launched item, whose payment method is still sealed. */
export interface SealedRecord {
  /** Without its payment method. */
  readonly record: CheckpointRecord;
  /** Absent where there is none, or none that belongs to this request, or nobody needs it any more. */
  readonly sealedPaymentMethod: Uint8Array | undefined;
}

/**
 * The record that a launched item holds.
 *
 * @throws MalformedItemError naming the key and the attribute
 */
export function sealedRecordOf(reader: DynamoItemReader): SealedRecord {
  const checkpoint = checkpointOf(reader);
  const fingerprint = reader.text('fingerprint');
  const record: CheckpointRecord = {
    key: {
      tenantId: reader.text(CHECKPOINTS.partitionKey),
      idempotencyKey: reader.text(CHECKPOINTS.sortKey),
    },
    epoch: reader.integer('epoch'),
    runId: reader.text('run_id'),
    fingerprint,
    charge: { ...chargeOf(reader.map('charge')), paymentMethod: undefined },
    checkpoint,
    trace: reader.optionalText('trace'),
  };
  // A takeover of a terminal item may have brought one back; nobody needs it any more.
  const sealedPaymentMethod = isTerminal(checkpoint) ? undefined : sealedPaymentMethodOf(reader, fingerprint);
  return { record, sealedPaymentMethod };
}

function chargeOf(reader: DynamoItemReader): Omit<AcceptedCharge, 'paymentMethod'> {
  return {
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

function sealedPaymentMethodOf(reader: DynamoItemReader, fingerprint: string): Uint8Array | undefined {
  if (!reader.has('payment_method')) return undefined;
  const paymentMethod = reader.map('payment_method');
  return paymentMethod.text('fingerprint') === fingerprint ? paymentMethod.bytes('sealed') : undefined;
}

/**
 * Where the charge of a launched item stands.
 *
 * @throws MalformedItemError naming the key and the attribute
 */
export function checkpointOf(reader: DynamoItemReader): Checkpoint {
  const step = reader.oneOf('step', CHECKPOINT_STEPS);
  switch (step) {
    case 'VALIDATED':
      return { step };
    case 'PSP_PENDING':
      return {
        step,
        pspPendingSinceEpochMs: reader.integer('psp_pending_since_epoch_ms'),
        ...(reader.has('server_error_at_epoch_ms')
          ? { serverErrorAtEpochMs: reader.integer('server_error_at_epoch_ms') }
          : {}),
        ...(reader.has('create_repeated_at_epoch_ms')
          ? { createRepeatedAtEpochMs: reader.integer('create_repeated_at_epoch_ms') }
          : {}),
      };
    case 'VOIDING':
      return {
        step,
        reason: reader.oneOf('void_reason', VOID_REASONS),
        pspChargeId: reader.optionalText('psp_charge_id'),
        voidAttempts: reader.integer('void_attempts'),
      };
    case 'SETTLED':
    case 'VOIDED':
      return { step, response: responseOf(reader) };
    case 'EVENTS_EMITTED':
      return { step, outcome: reader.oneOf('outcome', OUTCOMES), response: responseOf(reader) };
  }
}

function responseOf(reader: DynamoItemReader): TerminalResponse {
  return {
    status: reader.oneOf('response_status', RESPONSE_STATUSES),
    body: reader.text('response_body'),
  };
}
