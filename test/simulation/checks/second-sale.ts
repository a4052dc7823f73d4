/** One of several sales that stand for one charge, at a PSP without keys. */
export interface StandingSale {
  /** When its attempt was made durable, before it was sent, by no clock of any machine. */
  readonly markedAtMs: number;
  readonly createdAtMs: number;
}

export interface AttemptBounds {
  /** Within which an attempt arrives after it was made durable: a lease, and the time for an answer (rule 6). */
  readonly arrivalMs: number;
  /** When a region was lost, and how much of what was written before it may have lost; undefined where none was. */
  readonly loss: { readonly atMs: number; readonly tailMs: number } | undefined;
}

/**
 * Why several sales may stand for one charge for a while. Whoever attempts again has searched, after the bounds for
 * the arrival of the attempt before and for the search to find it. So it had come late, each of them but the last, or
 * the moment of it was lost; anything else must not be.
 *
 * @param sales in any order, at least two
 */
export function reasonOfSecondSale(
  sales: readonly StandingSale[],
  { arrivalMs, loss }: AttemptBounds,
): 'late' | 'lost' | 'none' {
  const earlier = sales.toSorted((one, other) => one.markedAtMs - other.markedAtMs).slice(0, -1);
  const onTime = earlier.filter(({ markedAtMs, createdAtMs }) => createdAtMs <= markedAtMs + arrivalMs);
  if (onTime.length === 0) return 'late';
  const isLost = onTime.every(
    ({ markedAtMs }) => loss !== undefined && markedAtMs <= loss.atMs && markedAtMs > loss.atMs - loss.tailMs,
  );
  return isLost ? 'lost' : 'none';
}
