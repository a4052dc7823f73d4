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
    breaks: 'the key store alone gives the epoch, and a launch that meets a higher one gives up',
    patches: [
      {
        file: GATE,
        find: "const minimumEpoch = (read.kind === 'present' ? read.record.epoch : read.epoch) + 1;",
        replace: 'const minimumEpoch = 0;',
      },
      {
        file: `${SAGA}/charge-launch.ts`,
        find: 'const MOST_EPOCH_RAISES = 3;',
        replace: 'const MOST_EPOCH_RAISES = -1;',
      },
    ],
  },
  {
    name: 'void-before-deciding',
    rule: '10',
    breaks: 'the void is sent before the ledger has decided',
    patches: [
      {
        file: `${SAGA}/steps/settle-ledger.ts`,
        find: '  const { reason, pspChargeId } = verdict;\n',
        replace:
          '  const { reason, pspChargeId } = verdict;\n  await run.psp.void(run.identity, pspChargeId, { deadlineMonotonicMs: run.deadlineMonotonicMs });\n',
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
        replace: 'const EXPIRY_SKEW_MARGIN_MS = -86_000_000;',
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
        find: 'return this.entries.get(`${entry.chargeId} ${seqOf(entry)}`);',
        replace:
          "return entry.state === 'RESERVED' ? this.entries.get(`${entry.chargeId} ${seqOf(entry)}`) : undefined;",
      },
    ],
  },
];

/** Mutants that live alone, because another rule covers for theirs, with the one that shows what theirs is for. */
export const PAIRS: readonly { readonly names: readonly [string, string]; readonly why: string }[] = [];

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
