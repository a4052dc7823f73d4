/** A place where a test holds a call up: it says when the call has come there, and lets it go on. */
export class Interruption {
  readonly reached: Promise<void>;
  private readonly released: Promise<void>;
  private signalReached!: () => void;
  private signalReleased!: () => void;

  constructor() {
    this.reached = new Promise((resolve) => {
      this.signalReached = resolve;
    });
    this.released = new Promise((resolve) => {
      this.signalReleased = resolve;
    });
  }

  /** Called by what is held up. */
  async hold(): Promise<void> {
    this.signalReached();
    await this.released;
  }

  release(): void {
    this.signalReleased();
  }
}
