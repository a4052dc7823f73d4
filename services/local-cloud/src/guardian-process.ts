import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GuardianInstruction } from './guardian.ts';
import { isAlive } from './process-inspection.ts';
import { signalProcess } from './signal-process.ts';
import { removeDataFolder } from './temporary-data-folder.ts';

const KILL_AFTER_MS = 5_000;

const watched = new Map<number, NodeJS.Signals>();
let folderToRemove: string | undefined;
let dismissed = false as boolean;

function obey(instruction: GuardianInstruction): void {
  if ('watch' in instruction) watched.set(instruction.watch, instruction.signal);
  else if ('forget' in instruction) watched.delete(instruction.forget);
  else if ('removeFolder' in instruction) folderToRemove = instruction.removeFolder;
  else dismissed = true;
}

// Only the pipe decides: whoever stops the launcher by a signal to all its processes must not stop this one first.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

for await (const line of createInterface({ input: process.stdin })) {
  obey(JSON.parse(line) as GuardianInstruction);
}

if (!dismissed) {
  for (const [pid, signal] of watched) signalProcess(pid, signal);
  const deadline = performance.now() + KILL_AFTER_MS;
  while (performance.now() < deadline && [...watched.keys()].some(isAlive)) await sleep(50);
  for (const pid of watched.keys()) signalProcess(pid, 'SIGKILL');
  if (folderToRemove !== undefined) removeDataFolder(folderToRemove);
}
