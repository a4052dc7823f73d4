import { once } from 'node:events';

export default async function globalTeardown() {
  const child = globalThis.testCloudProcess;
  if (!child || child.exitCode !== null) return;
  // Its standard input closing is what tells it to stop: it also stops when this process is killed.
  child.stdin.end();
  await once(child, 'exit');
}
