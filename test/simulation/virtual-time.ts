interface Scheduled {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
  isCancelled: boolean;
}

/** What was scheduled, by which it can be called off. */
export type Timer = Pick<Scheduled, 'isCancelled'>;

/**
 * Virtual time: a heap of what happens when. Nothing waits; the next thing that happens moves the time to its moment.
 * Of two things at one moment the one that was scheduled first comes first, so that a seed decides the whole order.
 */
export class VirtualTime {
  #nowMs = 0;
  #order = 0;
  #wakes = 0;
  readonly #heap: Scheduled[] = [];

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Milliseconds from now. */
  after(delayMs: number, run: () => void): Timer {
    const atMs = this.#nowMs + Math.max(0, delayMs);
    const timer = { atMs, order: (this.#order += 1), run, isCancelled: false };
    this.#push(timer);
    return timer;
  }

  /** Told by whoever settles a promise: what waits for it runs before anything else happens. */
  wake(): void {
    this.#wakes += 1;
  }

  /**
   * Runs what happens next, up to and with the first thing that wakes somebody; false where nothing is left. What it
   * wakes runs as microtasks, before the next step.
   */
  step(): boolean {
    const wakes = this.#wakes;
    while (this.#wakes === wakes) {
      const next = this.#pop();
      if (next === undefined) return false;
      if (next.isCancelled) continue;
      this.#nowMs = next.atMs;
      next.run();
    }
    return true;
  }

  #push(entry: Scheduled): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || isBefore(above, entry)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = entry;
  }

  #pop(): Scheduled | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      let below = heap[child];
      if (below === undefined) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, below)) {
        child += 1;
        below = right;
      }
      if (isBefore(last, below)) break;
      heap[index] = below;
      index = child;
    }
    heap[index] = last;
    return first;
  }
}

function isBefore(one: Scheduled, other: Scheduled): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}
