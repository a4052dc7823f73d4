import { readLocalRunEnvironment } from './local-run-environment.ts';
import { LocalRun } from './local-run.ts';

/**
 * One Ctrl-C may arrive twice: the terminal sends it to the whole process group, and npm passes it on as well. Only a
 * signal that comes later than this is somebody who does not want to wait.
 */
const SAME_SIGNAL_WITHIN_MS = 1_000;

/** Runs the product on this machine until a signal comes, then ends this process; exit code 1 where it failed. */
export async function runLocally(environment: Readonly<Record<string, string | undefined>>): Promise<void> {
  // Whoever reads our lines may go away; that is no reason to stop.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  try {
    await new LaunchedRun(environment).start();
  } catch (error) {
    complain(describe(error));
    process.exitCode = 1;
  }
}

/** A local run with the signals and the exit code of its process. */
class LaunchedRun {
  readonly #run: LocalRun;
  #stoppingSinceMonotonicMs: number | undefined;

  /** @throws EnvironmentError */
  constructor(environment: Readonly<Record<string, string | undefined>>) {
    this.#run = new LocalRun({
      environment: readLocalRunEnvironment(environment),
      outer: environment,
      print,
      printLog: complain,
      partLost: (name, reason) => {
        complain(`${name} is lost, and the local run ends with it: ${reason}`);
        void this.#stop(1);
      },
    });
  }

  async start(): Promise<void> {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => this.#takeSignal(signal));
    }
    try {
      await this.#run.start();
    } catch (error) {
      // What fails because everything is being stopped is no news.
      if (this.#stoppingSinceMonotonicMs === undefined) complain(describe(error));
      await this.#stop(1);
    }
  }

  #takeSignal(signal: NodeJS.Signals): void {
    if (this.#stoppingSinceMonotonicMs === undefined) {
      print(`${signal}: stopping; once more to end at once`);
      void this.#stop(0);
    } else if (performance.now() - this.#stoppingSinceMonotonicMs > SAME_SIGNAL_WITHIN_MS) {
      this.#run.abandon();
      process.exit(1);
    }
  }

  async #stop(exitCode: number): Promise<void> {
    if (this.#stoppingSinceMonotonicMs !== undefined) return;
    this.#stoppingSinceMonotonicMs = performance.now();
    try {
      await this.#run.stop();
      print('stopped');
      process.exit(exitCode);
    } catch (error) {
      complain(describe(error));
      process.exit(1);
    }
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function complain(line: string): void {
  process.stderr.write(`${line}\n`);
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
