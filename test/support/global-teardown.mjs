import { once } from 'node:events';
import { rmSync } from 'node:fs';

export default async function globalTeardown() {
  rmSync(process.env.TEST_RUN_FOLDER, { recursive: true, force: true });
  const child = globalThis.testCloudProcess;
  if (!child || child.exitCode !== null) return;
  // Its standard input closing is what tells it to stop: it also stops when this process is killed.
  child.stdin.end();
  await once(child, 'exit');
}
