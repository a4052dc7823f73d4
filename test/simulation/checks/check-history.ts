import type { LedgerEntry } from '#gateway/ledger/ledger-entry';

import { nameOf } from '../models/key-store-model.ts';
import type { Violation } from '../violation.ts';
import type { CheckedInvocation, CheckedWorld } from './checked-world.ts';
import { LIMITS } from './limits.ts';

const LEGAL_PATHS = new Set([
  'RESERVED',
  'RESERVED SETTLED',
  'RESERVED VOIDED',
  'RESERVED VOIDING',
  'RESERVED VOIDING VOIDED',
  'RESERVED SETTLED LATE_SUCCESS_VOIDED',
  'RESERVED VOIDED LATE_SUCCESS_VOIDED',
  'RESERVED VOIDING VOIDED LATE_SUCCESS_VOIDED',
]);

const ENDED = new Set([...LEGAL_PATHS].filter((path) => /SETTLED|VOIDED/.test(path)));

/** Whether everything has come to rest: what is asked before the world is checked. */
export interface Rest {
  /** Charges whose row says that somebody still owes them an end. */
  readonly open: readonly string[];
  /** Whether only a client's retry or a person can end this charge. */
  isParked(chargeId: string): boolean;
}

/**
 * Holds a world that has come to rest against the invariants of the protocol and against what its clients were told.
 */
export function checkHistory(world: CheckedWorld, rest: Rest): void {
  const violate = (invariant: Violation['invariant'], text: string): void =>
    world.history.violate(world.time.nowMs, invariant, text);
  for (const name of rest.open) violate('I3', `${name} has not ended`);
  for (const home of world.homes) {
    for (const chargeId of home.stores.ledger.chargeIds()) {
      checkCharge(world, chargeId, rest, (invariant, text) => {
        if (home.forgotten.has(chargeId)) world.coverage.hit(LIMITS.forgotten);
        else violate(invariant, text);
      });
    }
  }
  checkOrphans(world, violate);
  for (const invocations of byKey(world.invocations).values()) checkAnswers(world, invocations, violate);
}

type Violate = (invariant: Violation['invariant'], text: string) => void;

function checkCharge(world: CheckedWorld, chargeId: string, rest: Rest, violate: Violate): void {
  const entries: readonly LedgerEntry[] = world.homeOfCharge(chargeId).stores.ledger.read(chargeId);
  const path = entries.map(({ state }) => state).join(' ');
  if (!LEGAL_PATHS.has(path)) violate('I4', `${chargeId}: the ledger says ${path}`);
  else if (!ENDED.has(path) && !rest.isParked(chargeId))
    violate('I3', `${chargeId}: the ledger ends with ${path}`);
  const settled = entries.find((entry) => entry.state === 'SETTLED');
  const standing = world.psp.charges
    .filter((charge) => charge.chargeId === chargeId && charge.state === 'captured')
    .reduce((sum, { amountMinor }) => sum + amountMinor, 0);
  if (standing !== (settled?.amountMinor ?? 0)) {
    violate('I5', `${chargeId}: ${path}, and ${standing} stands at the PSP`);
  }
  checkEvents(world, chargeId, path, violate);
}

function checkEvents(world: CheckedWorld, chargeId: string, path: string, violate: Violate): void {
  const events = world.eventsOf(chargeId);
  if (ENDED.has(path) && events.length === 0) violate('I6', `${chargeId}: ended as ${path} without an event`);
  const isContradicted =
    new Set(events.map(({ event_id }) => event_id)).size > 1 ||
    events.some(({ status }) => (status === 'settled') !== path.includes('SETTLED'));
  if (!isContradicted) return;
  // A decision that a region took along, with its event already out, is made anew.
  if (world.lostTail) world.coverage.hit(LIMITS.decision);
  else violate('I6', `${chargeId}: an event contradicts another one, or the ledger's ${path}`);
}

function withoutDate(answer: string): string {
  return answer.replace(/"created":"[^"]*"/, '');
}

/** Charges at the PSP that no ledger knows. */
function checkOrphans(world: CheckedWorld, violate: Violate): void {
  for (const charge of world.psp.charges) {
    if (charge.state !== 'captured') continue;
    const { stores, forgotten } = world.homeOfCharge(charge.chargeId);
    if (stores.ledger.read(charge.chargeId).length > 0) continue;
    if (forgotten.has(charge.chargeId)) world.coverage.hit(LIMITS.forgotten);
    else violate('I5', `${charge.chargeId}: charged as ${charge.id}, unknown to the ledger`);
  }
}

/**
 * "One charge per key" as clients see it: a register that is empty, then holds one answer for ever. A history of such a
 * register is linearizable exactly if all its final answers are the same bytes, and if nothing that began after a final
 * answer had been given says that there is no charge. So it is checked without a search.
 */
function checkAnswers(
  world: CheckedWorld,
  invocations: readonly CheckedInvocation[],
  violate: Violate,
): void {
  const [first] = invocations;
  if (first === undefined) return;
  const { chargeId } = first;
  /** What asynchronous replication cannot keep is a limit where a region was lost with its tail, else a violation. */
  const lost = (limit: string, invariant: Violation['invariant'], text: string): void => {
    if (world.lostTail) world.coverage.hit(limit);
    else violate(invariant, `${chargeId}: ${text}`);
  };
  const answers = new Set<string>();
  const payloads = new Set<number>();
  let firstAnsweredAtMs = Infinity;
  for (const { answer, answeredAtMs = Infinity, payload } of invocations) {
    if (answer?.kind !== 'terminal') continue;
    answers.add(`${answer.response.status} ${answer.response.body}`);
    payloads.add(payload);
    firstAnsweredAtMs = Math.min(firstAnsweredAtMs, answeredAtMs);
  }
  if (answers.size > 1) {
    if (new Set([...answers].map(withoutDate)).size === 1)
      lost(LIMITS.date, 'I2', 'the date of its answer changed');
    else lost(LIMITS.decision, 'I2', `${answers.size} different final answers`);
  }
  if (payloads.size > 1) lost(LIMITS.decision, 'linearizability', 'two payloads were answered finally');
  for (const { answer, sentAtMs, payload } of invocations) {
    if (answer === undefined || sentAtMs <= firstAnsweredAtMs) continue;
    if (answer.kind === 'refused') {
      lost(LIMITS.refusal, 'linearizability', 'refused as "nothing was charged" after its final answer');
    }
    if (answer.kind === 'mismatch' && payloads.has(payload)) {
      lost(LIMITS.decision, 'linearizability', 'its own payload was refused as another one');
    }
  }
  checkRefusals(world, chargeId, invocations, violate);
}

/** Where every request until then was refused, nothing may have been charged: nobody had asked again. */
function checkRefusals(
  world: CheckedWorld,
  chargeId: string,
  invocations: readonly CheckedInvocation[],
  violate: Violate,
): void {
  if (invocations.every(({ answer }) => answer?.kind === 'refused')) world.coverage.hit('only refusals');
  for (const charge of world.psp.charges) {
    if (charge.chargeId !== chargeId) continue;
    const asked = invocations.filter(({ sentAtMs }) => sentAtMs <= (charge.createdAtMs ?? Infinity));
    if (asked.every(({ answer }) => answer?.kind === 'refused')) {
      violate('refusal', `${chargeId}: charged as ${charge.id}, when all who had asked were refused`);
    }
  }
}

function byKey(invocations: readonly CheckedInvocation[]): Map<string, CheckedInvocation[]> {
  return Map.groupBy(invocations, ({ key }) => nameOf(key));
}
