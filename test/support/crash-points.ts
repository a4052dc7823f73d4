import type { SagaPorts } from '#gateway/saga/saga-ports';

import { decorated } from './decorated-port.ts';

/**
 * Every external effect of the saga, as the names of crash points. A process that is told one of them kills itself
 * with SIGKILL on that side of the effect; the production code knows nothing of it.
 */
export const EFFECTS = [
  'acquire',
  'launch',
  'ledger:RESERVED',
  'checkpoint:PSP_PENDING',
  'psp:charge',
  'checkpoint:SETTLED',
  'checkpoint:VOIDING',
  'psp:void',
  'checkpoint:VOIDED',
  'events:publish',
  'checkpoint:EVENTS_EMITTED',
  'complete',
] as const;

export type Effect = (typeof EFFECTS)[number];
export type CrashPoint = `${'before' | 'after'} ${Effect}`;

function die(): Promise<never> {
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => undefined);
}

/** The ports, with a death at `point`. */
export function withCrashAt(ports: SagaPorts, point: CrashPoint): SagaPorts {
  const guard = async <T>(effect: string, act: () => Promise<T>): Promise<T> => {
    if (point === `before ${effect}`) await die();
    const result = await act();
    if (point === `after ${effect}`) await die();
    return result;
  };
  const { keyStore, checkpoints, ledger, events } = ports;
  return {
    ...ports,
    keyStore: {
      acquire: (key, request) => guard('acquire', () => keyStore.acquire(key, request)),
      raiseEpoch: (key, holder, atLeast) => keyStore.raiseEpoch(key, holder, atLeast),
      complete: (key, holder, completion) =>
        guard('complete', () => keyStore.complete(key, holder, completion)),
      release: (key, holder, resumeAfterMs, fingerprint) =>
        keyStore.release(key, holder, resumeAfterMs, fingerprint),
      free: (key, holder) => keyStore.free(key, holder),
      peek: (key) => keyStore.peek(key),
    },
    checkpoints: {
      read: (key) => checkpoints.read(key),
      launch: (key, holder, launch) => guard('launch', () => checkpoints.launch(key, holder, launch)),
      advance: (key, holder, advance) =>
        guard(`checkpoint:${advance.to.step}`, () => checkpoints.advance(key, holder, advance)),
      fence: (key, holder, retentionSeconds) => checkpoints.fence(key, holder, retentionSeconds),
      refill: (record, retentionSeconds) => checkpoints.refill(record, retentionSeconds),
    },
    ledger: {
      append: (entry) => guard(`ledger:${entry.state}`, () => ledger.append(entry)),
      read: (chargeId) => ledger.read(chargeId),
    },
    events: {
      publish: (type, detail) => guard('events:publish', () => events.publish(type, detail)),
    },
    psps: {
      of: (pspName, pspAccount) => {
        const psp = ports.psps.of(pspName, pspAccount);
        return psp === undefined
          ? undefined
          : decorated(psp, {
              charge: (request, budget) => guard('psp:charge', () => psp.charge(request, budget)),
              void: (identity, pspChargeId, budget) =>
                guard('psp:void', () => psp.void(identity, pspChargeId, budget)),
            });
      },
    },
  };
}
