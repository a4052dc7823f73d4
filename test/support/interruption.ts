import type { SagaPorts } from '#gateway/saga/saga-ports';

import { decorated } from './decorated-port.ts';

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

/** Holds a run up before it launches. */
export function holdingLaunch(at: Interruption): (ports: SagaPorts) => SagaPorts {
  return (ports) => ({
    ...ports,
    checkpoints: decorated(ports.checkpoints, {
      launch: async (...args) => {
        await at.hold();
        return ports.checkpoints.launch(...args);
      },
    }),
  });
}

/** Holds a run up between the PSP's answer and its settlement. */
export function holdingSettlement(at: Interruption): (ports: SagaPorts) => SagaPorts {
  return (ports) => ({
    ...ports,
    checkpoints: decorated(ports.checkpoints, {
      advance: async (...args) => {
        if (args[2].to.step === 'SETTLED') await at.hold();
        return ports.checkpoints.advance(...args);
      },
    }),
  });
}
