/** The simulator's wall clock, which a test can move forward, past the 24 hours of an idempotency key for instance. */
export class SimulatorClock {
  #offsetMs = 0;

  nowEpochMs(): number {
    return Date.now() + this.#offsetMs;
  }

  /** Moves the clock forward. */
  advance(byMs: number): void {
    this.#offsetMs += byMs;
  }
}
