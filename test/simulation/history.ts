import type { Violation } from './violation.ts';

export interface HistoryEvent {
  readonly atMs: number;
  /** A process, a store, the PSP or a client. */
  readonly actor: string;
  readonly text: string;
}

/** All that happened in one simulated world, in its order. Texts are made only where somebody reads them. */
export class History {
  readonly events: HistoryEvent[] = [];
  readonly violations: Violation[] = [];
  readonly #keepsEvents: boolean;
  #digest = 0x811c9dc5;
  #length = 0;

  constructor(options: { readonly keepsEvents: boolean }) {
    this.#keepsEvents = options.keepsEvents;
  }

  get length(): number {
    return this.#length;
  }

  /** FNV-1a over all that happened, by which two runs of a seed are compared. */
  get digest(): string {
    return (this.#digest >>> 0).toString(16).padStart(8, '0');
  }

  record(atMs: number, actor: string, what: string, detail: () => string = () => ''): void {
    this.#length += 1;
    this.#mix(String(atMs));
    this.#mix(' ');
    this.#mix(actor);
    this.#mix(' ');
    this.#mix(what);
    if (!this.#keepsEvents) return;
    const more = detail();
    this.events.push({ atMs, actor, text: more === '' ? what : `${what} ${more}` });
  }

  violate(atMs: number, invariant: Violation['invariant'], text: string): void {
    if (this.violations.some((known) => known.invariant === invariant && known.text === text)) return;
    this.violations.push({ invariant, text });
    this.record(atMs, 'CHECKER', `${invariant} violated: ${text}`);
  }

  #mix(text: string): void {
    let digest = this.#digest;
    for (let index = 0; index < text.length; index += 1) {
      digest = Math.imul(digest ^ text.charCodeAt(index), 0x01000193);
    }
    this.#digest = digest;
  }
}
