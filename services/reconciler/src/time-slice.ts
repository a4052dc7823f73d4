/** From `fromEpochMs` on, up to and without `toEpochMs`. */
export interface TimeSlice {
  readonly fromEpochMs: number;
  readonly toEpochMs: number;
}

/** Cuts a window into slices of `sliceMs`, the newest first; the last one may be shorter. */
export function slicesOf({ fromEpochMs, toEpochMs }: TimeSlice, sliceMs: number): TimeSlice[] {
  const slices: TimeSlice[] = [];
  for (let end = toEpochMs; end > fromEpochMs; end -= sliceMs) {
    slices.push({ fromEpochMs: Math.max(fromEpochMs, end - sliceMs), toEpochMs: end });
  }
  return slices;
}

export function lengthMsOf({ fromEpochMs, toEpochMs }: TimeSlice): number {
  return toEpochMs - fromEpochMs;
}
