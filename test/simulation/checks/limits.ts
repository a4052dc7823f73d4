/**
 * What a region that is lost with its last second can cost, although nobody is charged twice: the limits that
 * `docs/protocol.md` names. They are counted, so that it is seen how often they are met.
 */
export const LIMITS = {
  /** Every trace of the charge is gone: the PSP knows it by its key, but nobody knows when it was accepted. */
  date: 'limit: the date of a charge that a region took along',
  /** A decision is gone, with its answer or its event already out, and is made anew. */
  decision: 'limit: a decision that a region took along',
  /** The key store has forgotten the charge, and the other stores do not answer. */
  refusal: 'limit: a refusal of a charge that a region took along',
  /** The charge waits for a client that brings its token again, or for a person. */
  token: 'limit: a charge whose token a region took along',
  /** Past the PSP's memory of its key a charge that the PSP does not know is a person's business (rule 5). */
  parked: 'limit: a charge that is parked for a person',
  /** No store knows what was to be charged: a client that asks within a day meets the charge at the PSP. */
  forgotten: 'limit: a charge of which a region left no trace',
  /** At a PSP without keys: an attempt came later than the bounds of rule 6 say, when another one had charged. */
  lateAttempt: 'limit: a second sale by an attempt that came later than its bound',
  /** At a PSP without keys: nobody knows any more when, or that, the PSP was asked. */
  attempt: 'limit: a second sale after an attempt that a region took along',
} as const;
