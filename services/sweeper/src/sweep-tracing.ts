/** What spans of the sweeper may say. */
export type SweepAttributes = Partial<
  Record<
    'charge.id' | 'charge.tenant_id' | 'sweep.shard' | 'sweep.found' | 'sweep.unsent' | 'sweep.waiting_ms',
    string | number
  >
>;

/** A span under way. No method throws. */
export interface SweepSpan {
  /** Where the span stands, as the value of `X-Amzn-Trace-Id`: for what goes on from it. Undefined: nowhere. */
  readonly header: string | undefined;
  child(name: string, attributes: SweepAttributes): SweepSpan;
  set(attributes: SweepAttributes): void;
  end(): void;
}

export interface SweepTracing {
  /** Begins a trace. */
  begin(name: string, attributes: SweepAttributes): SweepSpan;
}

/**
 * Makes no spans. Tickets go on from where `header` says: a Lambda is a trace of its own, which the service makes.
 *
 * @param header is asked at each sweep
 */
export function continuedTracing(header: () => string | undefined): SweepTracing {
  return {
    begin: () => {
      const span: SweepSpan = {
        header: header(),
        child: () => span,
        set: () => undefined,
        end: () => undefined,
      };
      return span;
    },
  };
}
