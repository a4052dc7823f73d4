import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Guardian } from './guardian.ts';
import {
  type ProcessDefinition,
  type ProcessListener,
  ProcessStartError,
  SupervisedProcess,
} from './supervised-process.ts';

const execute = promisify(execFile);

/** A program that does its work and ends. */
export interface Errand {
  readonly name: string;
  readonly command: string;
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly workingDirectory: string;
  readonly endsWithinMs: number;
}

/** Processes that are stopped together. */
export class ProcessGroup {
  readonly #processes: SupervisedProcess[] = [];
  readonly #starting = new Set<Promise<void>>();
  readonly #options: { guardian: Guardian; listener: ProcessListener; restart: boolean };
  readonly #stopping = new AbortController();

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
    this.#refuseWhenStopping(definition.name);
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

  /**
   * Runs a program to its end.
   *
   * @throws ProcessStartError with what it wrote to its standard error, where it fails or is stopped with the group
   */
  async run(errand: Errand): Promise<void> {
    this.#refuseWhenStopping(errand.name);
    const running = execute(errand.command, [...errand.arguments], {
      env: { ...errand.environment },
      cwd: errand.workingDirectory,
      timeout: errand.endsWithinMs,
      killSignal: 'SIGKILL',
      signal: this.#stopping.signal,
    });
    const { guardian } = this.#options;
    const { pid } = running.child;
    if (pid !== undefined) guardian.watch(pid, 'SIGKILL');
    try {
      await running;
    } catch (error) {
      const { stderr = '', message } = error as Error & { stderr?: string };
      throw new ProcessStartError(`${errand.name} failed: ${stderr.trim() || message}`, { cause: error });
    } finally {
      if (pid !== undefined) guardian.forget(pid);
    }
  }

  /** Stops all at once and waits for their ends; nothing is started any more. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#processes.map((process) => process.stop()));
    // What was about to start is past its preparations now, and found that it must not.
    await Promise.allSettled(this.#starting);
  }

  /** Ends all without grace. */
  abandon(): void {
    this.#stopping.abort();
    for (const process of this.#processes) process.abandon();
  }

  #refuseWhenStopping(name: string): void {
    if (this.#stopping.signal.aborted) {
      throw new ProcessStartError(`${name} is not started: everything is being stopped`);
    }
  }
}
