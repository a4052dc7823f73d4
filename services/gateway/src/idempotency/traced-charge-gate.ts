import type { Tracing } from '../platform/tracing.ts';
import type { ChargeGate, ChargeSubmission, GateAnswer } from './charge-gate.ts';
import { chargeIdOf } from './charge-key.ts';

/** A gate whose decisions are spans of the request's trace. */
export class TracedChargeGate implements ChargeGate {
  private readonly gate: ChargeGate;
  private readonly tracing: Tracing;

  constructor(gate: ChargeGate, tracing: Tracing) {
    this.gate = gate;
    this.tracing = tracing;
  }

  submit(submission: ChargeSubmission): Promise<GateAnswer> {
    const { key } = submission;
    const attributes = { 'charge.id': chargeIdOf(key), 'charge.tenant_id': key.tenantId };
    return this.tracing.span('gate.decide', { attributes }, async (span) => {
      const answer = await this.gate.submit(submission);
      span.set({ 'gate.answer': answer.kind });
      if (answer.kind === 'outcome_unknown') span.keep();
      return answer;
    });
  }
}
