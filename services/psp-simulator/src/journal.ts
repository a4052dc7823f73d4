import { closeSync, existsSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';

import type { Changes } from './payment-records.ts';

/**
 * An append-only file of changes, one JSON line each. A line is handed to the operating system before the answer that
 * depends on it is sent, so that it outlives a killed process (though not a power cut).
 */
export class Journal<Entry = Changes> {
  readonly #file: number;

  private constructor(file: number) {
    this.#file = file;
  }

  /** Opens the file, giving every whole line to `replay`; what a kill left of a last line is cut off. */
  static open<Entry = Changes>(path: string, replay: (entry: Entry) => void): Journal<Entry> {
    const content = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
    const wholeBytes = content.lastIndexOf('\n') + 1;
    for (const line of content.subarray(0, wholeBytes).toString('utf8').split('\n')) {
      // The journal holds only what `append` wrote.
      if (line !== '') replay(JSON.parse(line) as Entry);
    }
    const file = openSync(path, 'a');
    if (wholeBytes < content.length) ftruncateSync(file, wholeBytes);
    return new Journal<Entry>(file);
  }

  append(changes: Entry): void {
    writeSync(this.#file, `${JSON.stringify(changes)}\n`);
  }

  close(): void {
    closeSync(this.#file);
  }
}
