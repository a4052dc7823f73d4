import type { Checkpoint } from '../checkpoint.ts';
import { paymentEventOf } from '../payment-event.ts';
import type { SagaRun } from '../saga-run.ts';
import type { SagaStep, StepResult } from '../saga-step.ts';

/**
 * Publishes the event of the charge's end, then closes the key. Only then is the key's row terminal: until that, the
 * sweeper sees it and sends somebody to publish.
 */
export const emitEvents: SagaStep<'SETTLED' | 'VOIDED'> = {
  name: 'emit-events',
  from: ['SETTLED', 'VOIDED'],
  needsLease: true,
  async run(run, { step: outcome, response }) {
    if (run.terminalEntries === undefined) return { kind: 'contradicted' };
    const { type, detail } = paymentEventOf(run.terminalEntries);
    await run.ports.events.publish(type, detail);
    const emitted = { step: 'EVENTS_EMITTED', outcome, response } as const;
    const [advanced, completed] = await Promise.all([run.advance(emitted), complete(run, emitted)]);
    return advanced.kind === 'fenced' ? { kind: 'fenced' } : completed;
  },
};

/** What is left where the event is out and the key's row is not terminal yet. */
export const completeKey: SagaStep<'EVENTS_EMITTED'> = {
  name: 'complete-key',
  from: ['EVENTS_EMITTED'],
  needsLease: true,
  run: (run, emitted) => complete(run, emitted),
};

async function complete(
  run: SagaRun,
  { response }: Extract<Checkpoint, { step: 'EVENTS_EMITTED' }>,
): Promise<StepResult> {
  const completed = await run.ports.keyStore.complete(run.key, run.holder, {
    fingerprint: run.fingerprint,
    response,
    retentionSeconds: run.ports.settings.retentionSeconds,
  });
  return completed.kind === 'done' ? { kind: 'finished' } : { kind: 'fenced' };
}
