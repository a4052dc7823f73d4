import type { Endpoints } from '#local-cloud/endpoints-file';
import { commandLine, isAlive } from '#local-cloud/process-inspection';

export interface GatewayTask {
  readonly name: string;
  readonly pid: number;
}

/** There is no such task, or it has died already. */
export class NoSuchTaskError extends Error {
  override readonly name = 'NoSuchTaskError';
}

/** How a task of the gateway is known: ids of processes are reused. */
const GATEWAY_COMMAND = 'services/gateway/src/main.ts';

/** The tasks of this run's gateway: what the console may kill, and nothing else. */
export class GatewayTasks {
  readonly #endpoints: () => Endpoints;
  readonly #names = new Set<string>();

  /** @param endpoints as they are now: a task that was started again has another process id */
  constructor(endpoints: () => Endpoints) {
    this.#endpoints = endpoints;
  }

  list(): readonly GatewayTask[] {
    const { gatewayPids, pids } = this.#endpoints();
    return Object.entries(pids)
      .filter(([, pid]) => gatewayPids.includes(pid) && isAlive(pid))
      .map(([name, pid]) => ({ name, pid }))
      .sort((one, other) => one.name.localeCompare(other.name));
  }

  /** All tasks that ever were; without a process id while one is being started again. */
  statuses(): readonly { readonly name: string; readonly pid: number | undefined }[] {
    const living = this.list();
    for (const { name } of living) this.#names.add(name);
    return [...this.#names]
      .sort()
      .map((name) => ({ name, pid: living.find((task) => task.name === name)?.pid }));
  }

  /**
   * `kill -9`. The local run starts the task again.
   *
   * @throws NoSuchTaskError
   */
  kill(task: GatewayTask): void {
    const isOurs = this.list().some(({ name, pid }) => name === task.name && pid === task.pid);
    if (!isOurs || !commandLine(task.pid).endsWith(GATEWAY_COMMAND)) {
      throw new NoSuchTaskError(`no task ${task.name} with the process id ${task.pid} runs`);
    }
    process.kill(task.pid, 'SIGKILL');
  }
}
