import type { SagaState, StepResult } from './saga-step.ts';
import type { SagaRun } from './saga-run.ts';
import { callPsp } from './steps/call-psp.ts';
import { completeKey, emitEvents } from './steps/emit-events.ts';
import { reserveFunds } from './steps/reserve-funds.ts';
import { settleLedger } from './steps/settle-ledger.ts';
import { voidCharge } from './steps/void-charge.ts';

/**
 * The charge saga, in its order. Before it stands the launch, which makes VALIDATED durable (`validate-charge.ts`,
 * `charge-launch.ts`). A run continues with the step whose `from` names where the charge stands, so that the first
 * run, a takeover and a sweep are the same loop.
 *
 *     VALIDATED --reserve--> PSP_PENDING --call--> (answer) --settle--> SETTLED --emit--> EVENTS_EMITTED --complete-->
 *                                                           |--decline--> VOIDED --emit--^
 *                                                           '--void--> VOIDING --void--> VOIDED --emit--^
 */
export const CHARGE_SAGA = [
  reserveFunds,
  callPsp,
  settleLedger,
  voidCharge,
  emitEvents,
  completeKey,
] as const;

/** A step seen without the states that it continues from; {@link stepFrom} gives it only such a state. */
interface ErasedStep {
  readonly name: string;
  readonly from: readonly SagaState['step'][];
  readonly needsLease: boolean;
  run(run: SagaRun, state: never): Promise<StepResult>;
}

/** A step with the state that it continues from. */
export interface BoundStep {
  readonly name: string;
  readonly needsLease: boolean;
  run(run: SagaRun): Promise<StepResult>;
}

/** The step that continues from where a charge stands. */
export function stepFrom(state: SagaState): BoundStep {
  const steps: readonly ErasedStep[] = CHARGE_SAGA;
  const step = steps.find(({ from }) => from.includes(state.step));
  if (step === undefined) throw new Error(`no step continues from ${state.step}`);
  return { name: step.name, needsLease: step.needsLease, run: (run) => step.run(run, state as never) };
}
