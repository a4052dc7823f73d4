import { z } from 'zod';

/** A fault that the control interface puts over all calls of the API, whatever they ask. */
export const globalFault = z.strictObject({
  /**
   * `down`: the connection is reset without an answer, nothing executed. `hang`: no answer, nothing executed. `500`, `401`, `429`: that answer,
   * nothing executed, nothing saved.
   */
  mode: z.enum(['none', 'down', 'hang', '500', '401', '429']),
  /** Added before every call, whatever the mode. */
  latencyMs: z.number().int().min(0).default(0),
  /** The share of the calls that `mode` hits. */
  rate: z.number().min(0).max(1).default(1),
});

export type GlobalFault = z.infer<typeof globalFault>;

export const NO_FAULT: GlobalFault = { mode: 'none', latencyMs: 0, rate: 1 };
