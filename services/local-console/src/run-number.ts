/** The low bits of an epoch; above them is the generation of the slot (see the gateway's `epoch.ts`). */
const COUNTER_VALUES = 2 ** 40;

/** An epoch as people count: the first run that holds a key is 1. */
export function runNumber(epoch: number): number {
  return epoch % COUNTER_VALUES;
}
