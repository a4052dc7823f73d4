import { renameSync, writeFileSync } from 'node:fs';

/** Writes a file at once or not at all; only its owner may read it. */
export function replaceFile(file: string, content: object): void {
  const unfinished = `${file}.${process.pid}`;
  writeFileSync(unfinished, `${JSON.stringify(content, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(unfinished, file);
}
