import type { Guardian } from './guardian.ts';
import {
  type ProcessDefinition,
  type ProcessListener,
  ProcessStartError,
  SupervisedProcess,
} from './supervised-process.ts';

/** Processes that are stopped together. */
export class ProcessGroup {
  readonly #processes: SupervisedProcess[] = [];
  readonly #starting = new Set<Promise<void>>();
  readonly #options: { guardian: Guardian; listener: ProcessListener; restart: boolean };
  #stopping = false;

  /** @param options.restart start a process again that died by itself */
  constructor(options: { guardian: Guardian; listener: ProcessListener; restart: boolean }) {
    this.#options = options;
  }

  get processes(): readonly SupervisedProcess[] {
    return this.#processes;
  }

  /**
   * Starts a program and waits until it is ready.
   *
   * @throws ProcessStartError where it is not, and once the group is being stopped
   */
  async start(definition: ProcessDefinition): Promise<void> {
    if (this.#stopping)
      throw new ProcessStartError(`${definition.name} is not started: everything is being stopped`);
    const process = new SupervisedProcess(definition, this.#options);
    this.#processes.push(process);
    const starting = process.start();
    this.#starting.add(starting);
    try {
      await starting;
    } finally {
      this.#starting.delete(starting);
    }
  }

  /** Stops all at once and waits for their ends; nothing is started any more. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#processes.map((process) => process.stop()));
    // What was about to start is past its preparations now, and found that it must not.
    await Promise.allSettled(this.#starting);
  }

  /** Ends all without grace. */
  abandon(): void {
    this.#stopping = true;
    for (const process of this.#processes) process.abandon();
  }
}
