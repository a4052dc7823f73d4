/** How often each path was taken, by name. */
export class Coverage {
  readonly #counts = new Map<string, number>();

  hit(path: string, count = 1): void {
    this.#counts.set(path, (this.#counts.get(path) ?? 0) + count);
  }

  count(path: string): number {
    return this.#counts.get(path) ?? 0;
  }

  merge(counts: Readonly<Record<string, number>>): void {
    for (const [path, count] of Object.entries(counts)) this.hit(path, count);
  }

  toRecord(): Record<string, number> {
    return Object.fromEntries([...this.#counts].sort(([one], [other]) => (one < other ? -1 : 1)));
  }
}
