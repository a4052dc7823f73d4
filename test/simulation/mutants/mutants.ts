import type { Patch } from './mutant-hooks.ts';

/** Something that breaks one rule of the protocol, and nothing else. */
export interface Mutant {
  readonly name: string;
  /** Number of the rule in `docs/protocol.md`, or the invariant that a store keeps. */
  readonly rule: string;
  /** What a naive build would do. */
  readonly breaks: string;
  readonly patches: readonly Patch[];
}

const SAGA = 'services/gateway/src/saga';
const GATE = 'services/gateway/src/idempotency/saga-charge-gate.ts';
const MODELS = 'test/simulation/models';

/**
 * The rules of the protocol, each broken by itself. Conditions that a store checks are broken in the model of that
 * store, which passes the same contract suite as the adapter on the real one.
 */
export const MUTANTS: readonly Mutant[] = [
  {
    name: 'unknown-is-declined',
    rule: '1',
    breaks: 'a timeout counts as a decline',
    patches: [
      {
        file: `${SAGA}/steps/call-psp.ts`,
        find: "if (!outcome.answeredWithServerError) return find(run, pending, budget, 'no-answer');",
        replace: "return answered({ kind: 'decline', declineCode: 'timeout', pspChargeId: undefined });",
      },
    ],
  },
  {
    name: 'roll-back-from-pending',
    rule: '2',
    breaks: 'who takes over at PSP_PENDING concludes that nothing was charged',
    patches: [
      {
        file: `${SAGA}/steps/call-psp.ts`,
        find: '    const { settings } = run.ports;\n',
        replace:
          "    const { settings } = run.ports;\n    if (run.takeover) return answered({ kind: 'decline', declineCode: 'abandoned', pspChargeId: undefined });\n",
      },
    ],
  },
  {
    name: 'psp-key-without-tenant',
    rule: '3',
    breaks: 'two tenants with one UUID share a PSP key',
    patches: [
      {
        file: 'services/gateway/src/psp/psp-key.ts',
        find: '${identity.tenantId}\\n',
        replace: '',
      },
    ],
  },
  {
    name: 'psp-key-per-run',
    rule: '3',
    breaks: 'every takeover asks the PSP under a key of its own',
    patches: [
      {
        file: `${SAGA}/saga-run.ts`,
        find: 'return { ...this.key, chargeId: this.chargeId };',
        replace:
          'return { tenantId: `${this.key.tenantId}${this.currentHolder.epoch}`, idempotencyKey: this.key.idempotencyKey, chargeId: this.chargeId };',
      },
    ],
  },
  {
    name: 'absence-counts-at-once',
    rule: '4',
    breaks: 'an absence in the search, which lags, counts at once',
    patches: [
      {
        file: `${SAGA}/steps/call-psp.ts`,
        find: 'if (answeredMs < run.ports.settings.unresolvedAfterMs) {',
        replace: 'if (answeredMs < 0) {',
      },
    ],
  },
  {
    name: 'create-past-retention',
    rule: '5',
    breaks: 'a create is sent after the PSP has forgotten the key',
    patches: [
      {
        file: `${SAGA}/steps/call-psp.ts`,
        find: 'ageMs(run, pending) < run.psp.keyRetentionMs && ',
        replace: '',
      },
    ],
  },
  {
    name: 'create-again-at-once',
    rule: '6',
    breaks: 'at a PSP without keys, who takes a charge over creates it again, without a search',
    patches: [
      {
        file: `${SAGA}/steps/call-psp.ts`,
        find: 'const isSafeAtOnce = run.psp.remembersKeys || (run.mayAttemptFirst && !run.takeover);',
        replace: 'const isSafeAtOnce = true;',
      },
    ],
  },
  {
    name: 'create-again-after-search',
    rule: '6',
    breaks: 'at a PSP without keys, an empty search is enough to create again, however soon',
    patches: [
      {
        file: `${SAGA}/steps/call-psp.ts`,
        find: 'if (clock.nowEpochMs() - lastAttemptMs < repeatAfterMs(settings)) {',
        replace: 'if (clock.nowEpochMs() - lastAttemptMs < -Infinity * repeatAfterMs(settings)) {',
      },
    ],
  },
  {
    name: 'bounds-side-by-side',
    rule: '6',
    breaks: 'the bounds for another create are the longer one of two, and trust all clocks',
    patches: [
      {
        file: `${SAGA}/repeated-create.ts`,
        find: 'return leaseMs + pspTimeoutMs + unresolvedAfterMs + CLOCK_SKEW_MS;',
        replace: 'return Math.max(unresolvedAfterMs, leaseMs + pspTimeoutMs);',
      },
    ],
  },
  {
    name: 'create-again-in-its-run',
    rule: '6',
    breaks: 'at a PSP without keys, an attempt without an answer is repeated like any other call',
    patches: [
      {
        file: 'services/gateway/src/psp/resilient-payment-service-provider.ts',
        find: 'endsWithUnknown: !this.remembersKeys,',
        replace: 'endsWithUnknown: false,',
      },
    ],
  },
  {
    name: 'others-ignored',
    rule: '6',
    breaks: 'of several sales that stand, all but the first go unseen',
    patches: [
      {
        file: 'services/gateway/src/psp/braintree-payment-service-provider.ts',
        find: "return { kind: 'found', charge, others: standing };",
        replace: "return { kind: 'found', charge };",
      },
    ],
  },
  {
    name: 'no-watch-before-another-create',
    rule: '6',
    breaks: 'nobody watches for the sale of an attempt that came late',
    patches: [
      {
        file: `${SAGA}/steps/call-psp.ts`,
        find: '  await sendLateSuccessWatch(run.ports, run.key);\n  const marked',
        replace: '  const marked',
      },
    ],
  },
  {
    name: 'repeats-forgotten',
    rule: '6',
    breaks: 'who finds a charge that took long does not arm the watch, which its region took along',
    patches: [
      {
        file: `${SAGA}/repeated-create.ts`,
        find: 'if (psps.of(pspName, pspAccount)?.remembersKeys !== false) return false;',
        replace: 'if (psps.of(pspName, pspAccount) !== null) return false;',
      },
    ],
  },
  {
    name: 'duplicate-is-declined',
    rule: '6',
    breaks: 'a duplicate that the PSP refuses counts as a decline',
    patches: [
      {
        file: 'services/gateway/src/psp/braintree-failure.ts',
        find: 'if (isDuplicateRefusal(sale)) return REPEAT_REFUSED;',
        replace: 'void isDuplicateRefusal;',
      },
    ],
  },
  {
    name: 'no-self-fencing',
    rule: '7',
    breaks: 'a run does not look at its lease',
    patches: [
      {
        file: `${SAGA}/saga-run.ts`,
        find: 'return this.ports.clock.monotonicMs() + durationMs <= this.deadlineMonotonicMs;',
        replace: 'return durationMs >= 0;',
      },
      {
        file: `${SAGA}/saga-run.ts`,
        find: 'return Math.min(this.leaseEndMonotonicMs, this.stopMonotonicMs());',
        replace: 'return this.ports.clock.monotonicMs() + 60_000;',
      },
    ],
  },
  {
    name: 'lease-shorter-than-psp',
    rule: '7',
    breaks: 'a lease is shorter than what the PSP and the writes after it may take',
    patches: [{ file: 'test/simulation/world/world.ts', find: 'leaseMs: 8_000', replace: 'leaseMs: 2_000' }],
  },
  {
    name: 'own-write-not-recognised',
    rule: '8',
    breaks: 'a launch does not recognise its own earlier effect',
    patches: [
      {
        file: `${MODELS}/checkpoint-model.ts`,
        find: 'const own = isMine(standing, holder) ? recordOf(standing) : undefined;',
        replace: 'const own = undefined as CheckpointRecord | undefined;',
      },
    ],
  },
  {
    name: 'epoch-from-scratch',
    rule: '9',
    breaks: 'the key store alone gives the epoch, whatever the other stores know',
    patches: [
      {
        file: GATE,
        find: "const minimumEpoch = (read.kind === 'present' ? read.record.epoch : read.epoch) + 1;",
        replace: 'const minimumEpoch = 0;',
      },
      {
        file: `${SAGA}/charge-launch.ts`,
        find: 'const raised = await ports.keyStore.raiseEpoch(acquired.key, holder, attempt.epoch + 1);',
        replace:
          "const raised = { kind: 'fenced' } as Awaited<ReturnType<typeof ports.keyStore.raiseEpoch>>;",
      },
      {
        file: `${SAGA}/evidence.ts`,
        find: 'if (highestEpoch > run.holder.epoch && !(await run.raiseEpoch(highestEpoch)))',
        replace: 'if (highestEpoch < 0)',
      },
    ],
  },
  {
    name: 'void-before-deciding',
    rule: '10',
    breaks: 'the void is sent before the ledger has decided, and whatever the lease says',
    patches: [
      {
        file: `${SAGA}/steps/settle-ledger.ts`,
        find: '  const { reason, pspChargeId } = verdict;\n',
        replace:
          '  const { reason, pspChargeId } = verdict;\n  await run.psp.void(run.identity, pspChargeId, { deadlineMonotonicMs: run.ports.clock.monotonicMs() + 60_000 });\n',
      },
    ],
  },
  {
    name: 'failed-void-is-reported',
    rule: '10',
    breaks: 'VOIDED is reported although the void did not hold',
    patches: [
      {
        file: `${SAGA}/steps/void-charge.ts`,
        find: "if (outcome.kind === 'unknown') return voidFailed(run, voiding, outcome.reason);",
        replace: 'void voidFailed;',
      },
    ],
  },
  {
    name: 'no-late-success-watch',
    rule: '11',
    breaks: 'nobody looks for a success after VOIDED',
    patches: [
      {
        file: `${SAGA}/late-success-watch.ts`,
        find: '  const { tenantId: tenant_id, idempotencyKey: idempotency_key } = key;\n',
        replace:
          '  const { tenantId: tenant_id, idempotencyKey: idempotency_key } = key;\n  if (tenant_id !== undefined) return;\n',
      },
    ],
  },
  {
    name: 'watch-not-armed-again',
    rule: '11',
    breaks:
      'who finds a charge that was voided as unresolved does not arm the watch, which its region took along',
    patches: [
      {
        file: `${SAGA}/evidence.ts`,
        find: 'if (mayStillTurnUp) await sendLateSuccessWatch(run.ports, run.key);',
        replace: 'void sendLateSuccessWatch;',
      },
    ],
  },
  {
    name: 'loser-writes',
    rule: '12',
    breaks: 'a rejected duplicate takes the lease of the winner',
    patches: [
      {
        file: `${MODELS}/key-store-model.ts`,
        find: "const isLeaseExpired = row.status === 'PROCESSING' && row.leaseExpiresAtMs <= this.#nowMs();",
        replace: "const isLeaseExpired = row.status === 'PROCESSING';",
      },
    ],
  },
  {
    name: 'event-id-per-run',
    rule: '14',
    breaks: 'every run publishes its event under an id of its own',
    patches: [
      {
        file: `${SAGA}/payment-event.ts`,
        find: '`${reserved.chargeId}\\n${status}`',
        replace: '`${reserved.chargeId}\\n${status}\\n${final.epoch}\\n${final.recordedAt}`',
      },
      {
        file: `${SAGA}/evidence.ts`,
        find: '  const entries = { reserved, final };\n  run.terminalEntries = entries;',
        replace:
          '  const entries = { reserved, final: { ...final, epoch: run.holder.epoch } };\n  run.terminalEntries = entries;',
      },
    ],
  },
  {
    name: 'expiry-ends-the-promise',
    rule: '16',
    breaks: 'a key that comes back does not meet its own RESERVED entry',
    patches: [
      {
        file: `${SAGA}/steps/reserve-funds.ts`,
        find: "if (reserved.kind === 'taken') return { kind: 'contradicted' };",
        replace: 'void reserved;',
      },
    ],
  },
  {
    name: 'no-expiry-margin',
    rule: '17',
    breaks: 'expiry is filtered without a margin for clocks that differ',
    patches: [
      {
        file: `${MODELS}/key-store-model.ts`,
        find: 'const EXPIRY_SKEW_MARGIN_MS = 60_000;',
        replace: 'const EXPIRY_SKEW_MARGIN_MS = 0;',
      },
      {
        file: `${MODELS}/checkpoint-model.ts`,
        find: 'const EXPIRY_SKEW_MS = 60_000;',
        replace: 'const EXPIRY_SKEW_MS = 0;',
      },
    ],
  },
  {
    name: 'refuse-after-launch',
    rule: '18',
    breaks: '503 is answered where it is not known whether the launch stands',
    patches: [
      {
        file: GATE,
        find: "if (launched.stands === 'unknown' || acquired.takeover) return OUTCOME_UNKNOWN;",
        replace:
          "if (launched.stands === 'unknown') return { kind: 'refused', reason: 'store-unavailable', retryAfterSeconds: 2 };",
      },
    ],
  },
  {
    name: 'free-without-fence',
    rule: '20',
    breaks: 'a row that was never launched is freed without a fence',
    patches: [
      {
        file: `${SAGA}/charge-resumption.ts`,
        find: 'const fence = await ports.checkpoints.fence(key, holder, ports.settings.retentionSeconds);',
        replace: "const fence = { kind: 'done' } as { kind: 'done' | 'launched' | 'fenced' };",
      },
    ],
  },
  {
    name: 'replay-is-state',
    rule: '21',
    breaks: 'an approval that the PSP replays settles without a look at what became of it',
    patches: [
      {
        file: `${SAGA}/steps/call-psp.ts`,
        find: 'if (!approval.replayed && !run.takeover) {',
        replace: 'if (approval.pspChargeId !== undefined) {',
      },
    ],
  },
  {
    name: 'checkpoint-only',
    rule: '22',
    breaks: 'who resumes believes the checkpoint and does not read the ledger',
    patches: [
      {
        file: `${SAGA}/saga-runner.ts`,
        find: "run.takeover || run.record.checkpoint.step !== 'VALIDATED' ? undefined : run.record.checkpoint;",
        replace: 'isTerminal(run.record.checkpoint) ? undefined : run.record.checkpoint;',
      },
    ],
  },
  {
    name: 'tail-not-swept',
    rule: '22',
    breaks: 'a row that is terminal is taken for done, whatever the ledger lost',
    patches: [
      {
        file: `${SAGA}/charge-executor.ts`,
        find: "if (acquisition.kind === 'terminal') await restoreEndedCharge(this.ports, key, acquisition.response);",
        replace: 'void restoreEndedCharge;',
      },
    ],
  },
  {
    name: 'nobody-sweeps',
    rule: 'I3',
    breaks: 'nobody looks for leases that have run out',
    patches: [
      {
        file: `${MODELS}/key-store-model.ts`,
        find: "if (row.status === 'PROCESSING' && isDue) keys.push(row.key);",
        replace: "if (row.status === 'PROCESSING' && isDue && nowMs < 0) keys.push(row.key);",
      },
    ],
  },
  {
    name: 'lost-ticket-stays-lost',
    rule: 'I3',
    breaks: 'a charge that got a ticket never gets another for the same wait, also where the ticket was lost',
    patches: [
      {
        file: `${MODELS}/key-store-model.ts`,
        find: 'return isTicketed(row) && ticketAgeMs < Math.min(LONGEST_BETWEEN_TICKETS_MS, againAfterMs);',
        replace: 'return isTicketed(row) && ticketAgeMs < againAfterMs * Infinity;',
      },
    ],
  },
  {
    name: 'no-fencing',
    rule: 'checkpoint',
    breaks: 'a checkpoint is written without the condition on the epoch',
    patches: [
      {
        file: `${MODELS}/checkpoint-model.ts`,
        find: 'return item !== undefined && isMine(item, holder) && item.request?.checkpoint.step === from;',
        replace: 'return item?.request?.checkpoint.step === from;',
      },
    ],
  },
  {
    name: 'slot-overwritten',
    rule: 'ledger',
    breaks: 'the decision slot is written without its condition',
    patches: [
      {
        file: `${MODELS}/ledger-model.ts`,
        find: 'return slot === undefined ? undefined : this.entries.get(slot.name);',
        replace:
          "return slot === undefined || entry.state !== 'RESERVED' ? undefined : this.entries.get(slot.name);",
      },
    ],
  },
];

/** Two mutants, the first of which lives alone, because the rule of the second covers for its own. */
export interface MutantPair {
  readonly names: readonly [string, string];
  /** What the first one's rule is the second line for. */
  readonly why: string;
}

export const PAIRS: readonly MutantPair[] = [
  {
    names: ['duplicate-is-declined', 'no-watch-before-another-create'],
    why: 'what a refused duplicate leaves standing as declined is found by the watch that went before the attempt',
  },
  {
    names: ['absence-counts-at-once', 'no-late-success-watch'],
    why: 'who voids too early is corrected by the watch of rule 11; the wait spares the client a 402 for a charge that stood',
  },
  {
    names: ['no-self-fencing', 'psp-key-per-run'],
    why: 'a zombie that asks the PSP beyond its lease meets its own key there (rule 3), and the epoch at every store',
  },
  {
    names: ['own-write-not-recognised', 'nobody-sweeps'],
    why: 'who does not know its own write stops, and its charge is recovered once the lease has run out: later, not wrongly',
  },
  {
    names: ['watch-not-armed-again', 'absence-counts-at-once'],
    why: 'where absences are waited for (rule 4), hardly anything is left for a watch to find that a region took along',
  },
  {
    names: ['loser-writes', 'no-fencing'],
    why: 'a winner whose lease was taken is fenced by the epoch at the checkpoint',
  },
];

/** @throws RangeError for a name that no mutant has */
export function patchesOf(name: string): readonly Patch[] {
  const mutant = MUTANTS.find((one) => one.name === name);
  if (mutant === undefined) {
    throw new RangeError(
      `no mutant is named ${name}; there are ${MUTANTS.map((one) => one.name).join(', ')}`,
    );
  }
  return mutant.patches;
}
