import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Guardian } from './guardian.ts';

/** A program that the local run starts, and how it is known to be ready and made to stop. */
export interface ProcessDefinition {
  readonly name: string;
  readonly command: string;
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly workingDirectory?: string;
  /** Only root may start a program as somebody else. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** Runs before every start, restarts included. */
  readonly beforeStart?: () => Promise<void>;
  /** The line of its output, standard error included, by which it says that it is ready. */
  isReadyLine(line: string): boolean;
  readonly readyWithinMs: number;
  readonly stopSignal: NodeJS.Signals;
  /** From the stop signal to SIGKILL. */
  readonly stopWithinMs: number;
  /** What ends it at once and without damage; for a launcher that is gone or in a hurry. */
  readonly abandonSignal: NodeJS.Signals;
}

/** How a process ended. */
export interface ProcessDeath {
  readonly pid: number;
  /** Such as `SIGKILL` or `code 1`. */
  readonly ending: string;
}

/** What is told about a supervised process. */
export interface ProcessListener {
  /** It has a process id; it is not ready yet. With the death before it, where it is started again after one. */
  spawned(process: SupervisedProcess, predecessor: ProcessDeath | undefined): void;
  printed(process: SupervisedProcess, line: string): void;
  /** It stays dead: it is not to be started again, or cannot be. */
  lost(process: SupervisedProcess, reason: string): void;
}

/** A program that could not be started; the message holds the end of its output. */
export class ProcessStartError extends Error {
  override readonly name = 'ProcessStartError';
}

/** So many starts in a row may fail before the process is lost. */
const FAILED_STARTS_AT_MOST = 5;
/** One that dies now and then is back at once; one that dies all the time is slowed down, as ECS does. */
const QUICK_RESTARTS = 5;
const QUICK_RESTART_WINDOW_MS = 30_000;
const RESTART_DELAY_MS = 100;
const MAX_RESTART_DELAY_MS = 5_000;
const OUTPUT_TAIL_LINES = 20;

interface Run {
  readonly child: ChildProcess;
  readonly ready: Promise<void>;
  /** Resolves with how it ended. */
  readonly ended: Promise<string>;
  readonly outputTail: readonly string[];
}

/** One program, kept running until it is stopped: the local counterpart of an ECS service with one task. */
export class SupervisedProcess {
  readonly definition: ProcessDefinition;
  readonly #guardian: Guardian;
  readonly #listener: ProcessListener;
  readonly #restart: boolean;
  readonly #startedAtMonotonicMs: number[] = [];
  readonly #stopping = new AbortController();
  #run: Run | undefined;

  constructor(
    definition: ProcessDefinition,
    options: { guardian: Guardian; listener: ProcessListener; restart: boolean },
  ) {
    this.definition = definition;
    this.#guardian = options.guardian;
    this.#listener = options.listener;
    this.#restart = options.restart;
  }

  get name(): string {
    return this.definition.name;
  }

  /** Absent while it does not run. */
  get pid(): number | undefined {
    return this.#run?.child.pid;
  }

  /** As the operating system shows it. */
  get commandLine(): string {
    return [this.definition.command, ...this.definition.arguments].join(' ');
  }

  /**
   * Starts it and waits until it is ready.
   *
   * @throws ProcessStartError
   */
  async start(): Promise<void> {
    const run = await this.#launch(undefined);
    void this.#keepRunning(run);
  }

  /** Asks it to stop, insists after the grace period, and waits for its end. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const run = this.#run;
    if (!run) return;
    run.child.kill(this.definition.stopSignal);
    const insist = setTimeout(() => run.child.kill('SIGKILL'), this.definition.stopWithinMs);
    await run.ended;
    clearTimeout(insist);
  }

  /** Ends it without grace. */
  abandon(): void {
    this.#stopping.abort();
    this.#run?.child.kill(this.definition.abandonSignal);
  }

  async #launch(predecessor: ProcessDeath | undefined): Promise<Run> {
    await this.definition.beforeStart?.();
    if (this.#isStopping()) throw new ProcessStartError(`${this.name} is being stopped`);
    const run = this.#spawn(predecessor);
    const timeout = new AbortController();
    const { readyWithinMs } = this.definition;
    try {
      const failure = await Promise.race([
        run.ready.then(() => undefined),
        run.ended.then((ending) => `ended with ${ending} before it was ready`),
        sleep(readyWithinMs, `was not ready within ${readyWithinMs} ms`, { signal: timeout.signal }),
      ]);
      if (failure === undefined) return run;
      run.child.kill('SIGKILL');
      await run.ended;
      throw new ProcessStartError(
        [`${this.name} ${failure}. The end of its output:`, ...run.outputTail].join('\n  '),
      );
    } finally {
      timeout.abort();
    }
  }

  #spawn(predecessor: ProcessDeath | undefined): Run {
    const { command, environment, workingDirectory, user } = this.definition;
    const child = spawn(command, [...this.definition.arguments], {
      // Where Node is to keep what it has compiled, a part starts sooner the next time.
      env: { NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE, ...environment },
      ...(workingDirectory === undefined ? {} : { cwd: workingDirectory }),
      ...user,
      stdio: ['ignore', 'pipe', 'pipe'],
      // A process group of its own: Ctrl-C in a terminal reaches the launcher only, which stops the parts in order.
      detached: true,
    });
    const ended = new Promise<string>((resolve) => {
      child.once('exit', (code, signal) => resolve(signal ?? `code ${code ?? 'unknown'}`));
      child.once('error', (error) => resolve(error.message));
    });
    const run = { child, ended, ...this.#follow(child) };
    this.#run = run;
    this.#startedAtMonotonicMs.push(performance.now());
    const { pid } = child;
    if (pid !== undefined) {
      this.#guardian.watch(pid, this.definition.abandonSignal);
      this.#listener.spawned(this, predecessor);
    }
    void ended.then(() => {
      if (pid !== undefined) this.#guardian.forget(pid);
      if (this.#run === run) this.#run = undefined;
    });
    return run;
  }

  #follow(child: ChildProcess): { ready: Promise<void>; outputTail: readonly string[] } {
    const outputTail: string[] = [];
    const ready = new Promise<void>((resolve) => {
      for (const stream of [child.stdout, child.stderr]) {
        if (!stream) continue;
        createInterface({ input: stream }).on('line', (line) => {
          outputTail.push(line);
          if (outputTail.length > OUTPUT_TAIL_LINES) outputTail.shift();
          if (this.definition.isReadyLine(line)) resolve();
          this.#listener.printed(this, line);
        });
      }
    });
    return { ready, outputTail };
  }

  async #keepRunning(first: Run): Promise<void> {
    let run = first;
    for (;;) {
      const death = { pid: run.child.pid ?? 0, ending: await run.ended };
      if (this.#isStopping()) return;
      const next = this.#restart ? await this.#launchAgain(death) : `died by ${death.ending}`;
      if (this.#isStopping()) return;
      if (typeof next === 'string') {
        this.#listener.lost(this, next);
        return;
      }
      run = next;
    }
  }

  /** @returns the new run, or why there is none */
  async #launchAgain(death: ProcessDeath): Promise<Run | string> {
    for (let failed = 1; ; failed += 1) {
      await sleep(this.#restartDelayMs(), undefined, { signal: this.#stopping.signal }).catch(
        () => undefined,
      );
      try {
        return await this.#launch(death);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        if (failed >= FAILED_STARTS_AT_MOST || this.#isStopping()) return reason;
      }
    }
  }

  #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  #restartDelayMs(): number {
    const since = performance.now() - QUICK_RESTART_WINDOW_MS;
    while ((this.#startedAtMonotonicMs[0] ?? since) < since) this.#startedAtMonotonicMs.shift();
    const tooMany = Math.max(0, this.#startedAtMonotonicMs.length - QUICK_RESTARTS);
    return Math.min(RESTART_DELAY_MS * 2 ** tooMany, MAX_RESTART_DELAY_MS);
  }
}
