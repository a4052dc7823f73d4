import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** One line from the launcher to its guardian. */
export type GuardianInstruction =
  | { readonly watch: number; readonly signal: NodeJS.Signals }
  | { readonly forget: number }
  | { readonly removeFolder: string }
  | { readonly dismiss: true };

/**
 * Sees to it that no part outlives the launcher, not even when that dies by SIGKILL and can clean up nothing: a small
 * process of its own holds the list of parts and kills them when the pipe from the launcher closes. The parts include
 * programs that are not ours (PostgreSQL, the DynamoDB emulator) and processes that must not care about their standard
 * input because in production it is closed (the gateway), so none of them can watch a pipe by itself.
 */
export class Guardian {
  readonly #watched = new Map<number, NodeJS.Signals>();
  #process: ChildProcess | undefined;
  #folderToRemove: string | undefined;
  #dismissed = false;

  start(): void {
    const child = spawn(process.execPath, [fileURLToPath(new URL('guardian-process.ts', import.meta.url))], {
      stdio: ['pipe', 'ignore', 'inherit'],
      // A session of its own: a signal to the launcher's whole process group must not reach it.
      detached: true,
    });
    this.#process = child;
    // A write that meets a dead guardian; its exit is handled below.
    child.stdin.on('error', () => undefined);
    child.once('exit', () => {
      if (!this.#dismissed) this.start();
    });
    child.once('error', () => undefined);
    for (const [pid, signal] of this.#watched) this.#tell({ watch: pid, signal });
    if (this.#folderToRemove !== undefined) this.#tell({ removeFolder: this.#folderToRemove });
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** @param signal what ends the process at once and without damage */
  watch(pid: number, signal: NodeJS.Signals): void {
    this.#watched.set(pid, signal);
    this.#tell({ watch: pid, signal });
  }

  forget(pid: number): void {
    this.#watched.delete(pid);
    this.#tell({ forget: pid });
  }

  /** The folder is removed after the parts, if the launcher has not done it itself. */
  removeFolderAtLoss(folder: string): void {
    this.#folderToRemove = folder;
    this.#tell({ removeFolder: folder });
  }

  /** Ends the guardian; the launcher has stopped everything by itself. */
  async dismiss(): Promise<void> {
    const child = this.#process;
    this.#dismissed = true;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    this.#tell({ dismiss: true });
    child.stdin?.end();
    await ended;
  }

  #tell(instruction: GuardianInstruction): void {
    this.#process?.stdin?.write(`${JSON.stringify(instruction)}\n`);
  }
}
