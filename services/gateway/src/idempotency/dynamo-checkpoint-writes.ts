import type { Put, Update } from '@aws-sdk/client-dynamodb';
import { CHECKPOINTS } from '#contract/tables';

import { optionalText } from '../platform/dynamo-attributes.ts';
import { namesIn, placeholders, updateExpression, type ItemChange } from '../platform/dynamo-expressions.ts';
import { isTerminal, type CheckpointRecord } from '../saga/checkpoint.ts';
import type { ChargeKey } from './charge-key.ts';
import type { Advance, Launch } from './checkpoint-store.ts';
import {
  chargeAttribute,
  keyAttributes,
  paymentMethodAttributes,
  type SealedPaymentMethod,
  STEP_ATTRIBUTES,
  stepAttributes,
} from './dynamo-checkpoint-item.ts';
import type { LeaseHolder } from './key-store.ts';

/** Nothing stands under this key. */
const NO_ITEM = `attribute_not_exists(#${CHECKPOINTS.partitionKey})`;
/** What stands was written by a run that this one has superseded. */
const LOWER_EPOCH = '#epoch < :epoch';
/** Nobody has taken the charge over since this run launched it. */
const MY_EPOCH = '#epoch = :epoch';
/** It is this run that launched it, and not another one that was given the same epoch by a store with amnesia. */
const MY_RUN = '#run_id = :run_id';
/** The charge is where this run left it. */
const AT_EXPECTED_STEP = '#step = :from';
/** What stands is a fence: nothing was accepted under this key. */
const NEVER_LAUNCHED = 'attribute_not_exists(#charge)';

/** What stands was kept for as long as was promised; only what is terminal, or a fence, ever expires. */
const EXPIRED = `#${CHECKPOINTS.timeToLive} < :expired_before`;

const LAUNCH_CONDITION = `${NO_ITEM} OR ${LOWER_EPOCH}`;
const ADVANCE_CONDITION = `${MY_EPOCH} AND ${MY_RUN} AND ${AT_EXPECTED_STEP}`;
const FENCE_CONDITION = `${NO_ITEM} OR (${NEVER_LAUNCHED} AND ${LOWER_EPOCH})`;
const REFILL_CONDITION = `${NO_ITEM} OR (${LOWER_EPOCH} AND (${NEVER_LAUNCHED} OR ${EXPIRED}))`;

function holderAttributes(holder: LeaseHolder) {
  return { epoch: { N: String(holder.epoch) }, run_id: { S: holder.runId } };
}

function conditionalUpdate(
  tableName: string,
  key: ChargeKey,
  change: ItemChange,
  condition: string,
  conditionValues: ReturnType<typeof placeholders> = {},
): Update {
  const { expression, values } = updateExpression(change);
  return {
    TableName: tableName,
    Key: keyAttributes(key),
    UpdateExpression: expression,
    ConditionExpression: condition,
    ExpressionAttributeNames: namesIn(expression, condition),
    ExpressionAttributeValues: { ...values, ...conditionValues },
  };
}

/**
 * Takes a key's item under a new epoch, and creates it where there is none. One write does both: what the item has
 * already reached is kept, whatever it is.
 *
 * ```text
 * run A (epoch 5)              item                       run B (epoch 6)
 * acquires, stalls             (none)
 *                                                         A's lease runs out; acquires
 *                              epoch 6, VALIDATED  <----  launch: no item
 * launch  ------------------>  refused: the epoch is not lower. A stops.
 * ```
 *
 * This run's own earlier attempt is no part of the condition. A repeat is refused, and the item that comes back tells
 * that it is ours; so an attempt that was delayed in the network and lands late changes nothing:
 *
 * ```text
 * run A (epoch 5)              item
 * launch, no answer            (none)                     the request is on its way
 * fence  ------------------->  epoch 5, no charge         A answers 503: nothing was charged, nothing will be
 *                              refused  <---------------  the late launch: epoch 5 is not lower
 * ```
 *
 * Whoever holds the charge writes its expiry again when it ends. Until then it has none: an item that was terminal
 * and expired, or a fence, would otherwise vanish under the run.
 */
export function launchWrite(
  tableName: string,
  key: ChargeKey,
  holder: LeaseHolder,
  launch: Launch,
  paymentMethod: SealedPaymentMethod | undefined,
): Update {
  const change: ItemChange = {
    set: holderAttributes(holder),
    setIfAbsent: {
      ...stepAttributes({ step: 'VALIDATED' }),
      ...requestAttributes(launch),
      ...paymentMethodAttributes(paymentMethod),
      ...optionalText('trace', launch.trace),
    },
    remove: [CHECKPOINTS.timeToLive],
  };
  return conditionalUpdate(tableName, key, change, LAUNCH_CONDITION);
}

/**
 * Moves the checkpoint on.
 *
 * ```text
 * run A (epoch 5)              item                       run B (epoch 6)
 * at PSP_PENDING, stalls       epoch 5, PSP_PENDING
 *                              epoch 6, PSP_PENDING <---- launch takes the item over
 * advance  ----------------->  refused: not my epoch. A stops, whatever the PSP told it.
 * ```
 *
 * `AT_EXPECTED_STEP` keeps an attempt of this very run that lands late from undoing what the run wrote since.
 */
export function advanceWrite(
  tableName: string,
  key: ChargeKey,
  holder: LeaseHolder,
  advance: Advance,
  /** That of the correction, where there is one. */
  corrected: SealedPaymentMethod | undefined,
  nowEpochMs: number,
): Update {
  const { to, correction } = advance;
  const step = stepAttributes(to);
  const terminal = isTerminal(to);
  const paymentMethod = terminal || correction === undefined ? {} : paymentMethodAttributes(corrected);
  // A corrected charge has the payment method that the correction brings, or none: the item's is of another request.
  const losesPaymentMethod = terminal || (correction !== undefined && !('payment_method' in paymentMethod));
  const change: ItemChange = {
    set: {
      ...step,
      ...(correction === undefined ? {} : requestAttributes(correction)),
      ...paymentMethod,
      ...(terminal ? expiryAttribute(nowEpochMs, retentionOf(advance)) : {}),
    },
    remove: [
      ...STEP_ATTRIBUTES.filter((name) => !(name in step)),
      ...(losesPaymentMethod ? ['payment_method'] : []),
      // A charge that has not ended never expires (protocol rule 16).
      ...(terminal ? [] : [CHECKPOINTS.timeToLive]),
    ],
  };
  const { epoch, run_id } = holderAttributes(holder);
  const conditionValues = placeholders({ epoch, run_id, from: { S: advance.from } });
  return conditionalUpdate(tableName, key, change, ADVANCE_CONDITION, conditionValues);
}

/**
 * Puts an item without a charge under this run's epoch.
 *
 * ```text
 * run A (epoch 5)              item                       sweeper (epoch 6)
 * acquires, stalls             (none)
 *                                                         the lease runs out; no item: A never launched
 *                              epoch 6, no charge  <----  fence, then the row is freed
 * launch  ------------------>  refused: the epoch is not lower. A cannot start what nobody watches any more.
 * ```
 */
export function fenceWrite(
  tableName: string,
  key: ChargeKey,
  holder: LeaseHolder,
  retentionSeconds: number,
  nowEpochMs: number,
): Put {
  const item = holderAttributes(holder);
  return {
    TableName: tableName,
    Item: { ...keyAttributes(key), ...item, ...expiryAttribute(nowEpochMs, retentionSeconds) },
    ConditionExpression: FENCE_CONDITION,
    ExpressionAttributeNames: namesIn(FENCE_CONDITION),
    ExpressionAttributeValues: placeholders({ epoch: item.epoch }),
  };
}

/**
 * Puts a terminal item back where the table has lost it. Whatever is alive there stays, and so does every epoch that
 * is not lower: the answer also stands in the key store, so that a refusal costs nothing but the shortcut.
 *
 * ```text
 * refill (epoch 5)             item                       run B (epoch 6)
 * reads the terminal row       (none)
 *                                                         the row has expired; acquires
 *                              epoch 6, VALIDATED  <----  launch: no item
 * put  --------------------->  refused: the epoch is not lower
 * ```
 */
export function refillWrite(
  tableName: string,
  record: CheckpointRecord,
  retentionSeconds: number,
  now: { readonly nowEpochMs: number; readonly expiredBeforeEpochSeconds: number },
): Put {
  const item = holderAttributes(record);
  return {
    TableName: tableName,
    Item: {
      ...keyAttributes(record.key),
      ...item,
      ...stepAttributes(record.checkpoint),
      ...requestAttributes(record),
      ...expiryAttribute(now.nowEpochMs, retentionSeconds),
    },
    ConditionExpression: REFILL_CONDITION,
    ExpressionAttributeNames: namesIn(REFILL_CONDITION),
    ExpressionAttributeValues: placeholders({
      epoch: item.epoch,
      expired_before: { N: String(now.expiredBeforeEpochSeconds) },
    }),
  };
}

/** What the item says of the request, without the payment method. */
function requestAttributes({ fingerprint, charge }: Launch) {
  return { fingerprint: { S: fingerprint }, charge: chargeAttribute(charge) };
}

function expiryAttribute(nowEpochMs: number, retentionSeconds: number) {
  return { [CHECKPOINTS.timeToLive]: { N: String(Math.floor(nowEpochMs / 1_000) + retentionSeconds) } };
}

function retentionOf({ to, retentionSeconds }: Advance): number {
  if (retentionSeconds === undefined) throw new Error(`an advance to ${to.step} needs retentionSeconds`);
  return retentionSeconds;
}
