import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';

/**
 * Makes the folder of the run: for what CDK apps of tests synthesise, and for compiled code, so that the hundreds of processes
 * that tests start begin sooner. Starts the stores and the PSP simulator once for the whole run, in a process of their own,
 * and tells the tests where they are. With TEST_CLOUD already set (`npm run test:cloud` in another terminal) that one is used.
 */
export default async function globalSetup() {
  const folder = mkdtempSync(path.join(tmpdir(), 'charge-once-tests-'));
  process.env.TEST_RUN_FOLDER = folder;
  process.env.NODE_COMPILE_CACHE = path.join(folder, 'compiled');
  // Most of the tasks that tests start are killed, and keep nothing. This one ends at once, because it is told nothing.
  spawn(process.execPath, ['services/gateway/src/main.ts'], {
    env: { NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE },
    stdio: 'ignore',
  });
  if (process.env.TEST_CLOUD) return;
  const child = spawn(process.execPath, ['test/support/test-cloud-process.ts'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout });
  const [line] = await Promise.race([
    once(lines, 'line'),
    once(child, 'exit').then(([code]) => {
      throw new Error(`the test cloud ended with ${code} before it was ready`);
    }),
  ]);
  process.env.TEST_CLOUD = line;
  globalThis.testCloudProcess = child;
}
