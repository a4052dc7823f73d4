import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { z } from 'zod';

import { inheritedEnvironment } from '#test/support/inherited-environment';

const paymentIntentSummaries = z.array(
  z.object({
    id: z.string(),
    status: z.string(),
    amountReceived: z.number(),
    amountRefunded: z.number(),
    netCharged: z.number(),
    currency: z.string(),
    metadata: z.record(z.string(), z.string()),
  }),
);
export type PaymentIntentSummary = z.infer<typeof paymentIntentSummaries>[number];

/** A simulator of this test's own, with its control interface. */
export class SimulatorProcess {
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor(url: string, child: ChildProcess) {
    this.url = url;
    this.#child = child;
  }

  /** @param environment as in the simulator's README */
  static async start(environment: Readonly<Record<string, string>> = {}): Promise<SimulatorProcess> {
    const child = spawn(process.execPath, ['services/psp-simulator/src/main.ts'], {
      env: { ...inheritedEnvironment(), SEARCH_LAG_MS: '0', SLOW_MS: '400', ...environment },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    for await (const line of createInterface(child.stdout)) {
      const url = /^listening (http:\/\/\S+)$/.exec(line)?.[1];
      if (url !== undefined) return new SimulatorProcess(url, child);
    }
    throw new Error('the simulator ended before it was ready');
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill(signal);
    await gone;
  }

  /** Closes the standard input, and gives the exit code. */
  async closeInput(): Promise<number | null> {
    const gone = once(this.#child, 'exit');
    this.#child.stdin?.end();
    await gone;
    return this.#child.exitCode;
  }

  setFault(fault: { mode: string; latencyMs?: number; rate?: number }): Promise<unknown> {
    return this.control('PUT', '/_control/fault', fault);
  }

  advanceClock(advanceMs: number): Promise<unknown> {
    return this.control('POST', '/_control/clock', { advanceMs });
  }

  /** @param query such as `tenant=t1` */
  async paymentIntents(query = ''): Promise<PaymentIntentSummary[]> {
    return paymentIntentSummaries.parse(await this.control('GET', `/_control/payment_intents?${query}`));
  }

  async createCalls(key: string): Promise<number> {
    const calls = await this.control('GET', `/_control/create_calls?key=${encodeURIComponent(key)}`);
    return z.record(z.string(), z.number()).parse(calls)[key] ?? 0;
  }

  async control(method: string, path: string, body?: object): Promise<unknown> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`control call ${path}: ${response.status} ${await response.text()}`);
    return response.json();
  }
}
