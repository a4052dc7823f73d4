import { Guardian } from '#local-cloud/guardian';
import { ProcessGroup } from '#local-cloud/process-group';

/** A launcher with one part and a folder, for a test that kills it: `node launcher-to-be-killed.ts FOLDER`. */
const [, , folder = ''] = process.argv;
const guardian = new Guardian();
guardian.start();
guardian.removeFolderAtLoss(folder);
const group = new ProcessGroup({
  guardian,
  listener: { spawned: () => undefined, printed: () => undefined, lost: () => undefined },
  restart: true,
});
await group.start({
  name: 'part',
  command: process.execPath,
  arguments: ['-e', `process.on('SIGTERM', () => {}); console.log('ready'); setInterval(() => {}, 1000);`],
  environment: {},
  isReadyLine: (line) => line === 'ready',
  readyWithinMs: 10_000,
  stopSignal: 'SIGTERM',
  stopWithinMs: 1_000,
  abandonSignal: 'SIGKILL',
});
console.log(JSON.stringify({ partPid: group.processes[0]?.pid, guardianPid: guardian.pid }));
