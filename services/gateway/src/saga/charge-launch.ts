import type { ChargeKey } from '../idempotency/charge-key.ts';
import type { Launch } from '../idempotency/checkpoint-store.ts';
import type { LeaseHolder } from '../idempotency/key-store.ts';
import { StoreUnavailableError } from '../platform/store-unavailable-error.ts';
import type { SagaPorts } from './saga-ports.ts';
import { SagaRun } from './saga-run.ts';

/** A key that this run has acquired, and what it knows of it. */
export interface AcquiredKey {
  readonly key: ChargeKey;
  readonly holder: LeaseHolder;
  readonly leaseEndMonotonicMs: number;
  readonly takeover: boolean;
}

export type LaunchOutcome =
  | { readonly kind: 'launched'; readonly run: SagaRun }
  /** Somebody else holds the key by now. */
  | { readonly kind: 'fenced' }
  /** The checkpoint store did not answer. `stands`: whether the launch may be durable (protocol rule 18). */
  | { readonly kind: 'unavailable'; readonly stands: 'no' | 'unknown'; readonly holder: LeaseHolder };

const MOST_EPOCH_RAISES = 3;

/**
 * Makes a charge accepted: writes VALIDATED, or takes the checkpoint of a predecessor over, under this run's epoch.
 * From here on somebody owes the charge an end.
 *
 * A checkpoint that knows a higher epoch than the key store gave is met with a larger one (protocol rule 9), which
 * only the holder of the key's row can get.
 */
export async function launchCharge(
  ports: SagaPorts,
  acquired: AcquiredKey,
  launch: Launch,
  stopMonotonicMs: () => number,
): Promise<LaunchOutcome> {
  let { holder, takeover } = acquired;
  for (let raises = 0; raises <= MOST_EPOCH_RAISES; raises += 1) {
    const attempt = await tryLaunch(ports, acquired.key, holder, launch);
    if (attempt.kind === 'unavailable') return { ...attempt, holder };
    if (attempt.kind === 'launched') {
      const { record } = attempt;
      const start = { holder, record, takeover, leaseEndMonotonicMs: acquired.leaseEndMonotonicMs };
      return { kind: 'launched', run: new SagaRun(ports, start, stopMonotonicMs) };
    }
    const raised = await ports.keyStore.raiseEpoch(acquired.key, holder, attempt.epoch + 1);
    if (raised.kind === 'fenced') return { kind: 'fenced' };
    holder = { runId: holder.runId, epoch: raised.epoch };
    takeover = true;
  }
  return { kind: 'fenced' };
}

async function tryLaunch(ports: SagaPorts, key: ChargeKey, holder: LeaseHolder, launch: Launch) {
  try {
    const trace = ports.tracing.current()?.header;
    return await ports.checkpoints.launch(key, holder, {
      ...launch,
      ...(trace === undefined ? {} : { trace }),
    });
  } catch (error) {
    if (!(error instanceof StoreUnavailableError)) throw error;
    return { kind: 'unavailable', stands: error.applied } as const;
  }
}
