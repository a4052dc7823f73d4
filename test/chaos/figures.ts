/** How often each thing happened, by its name, in the order in which names came up. */
export class Figures {
  readonly #counts = new Map<string, number>();

  add(name: string, count = 1): void {
    this.#counts.set(name, this.of(name) + count);
  }

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  /** Those whose names begin so, with the rest of the name, the largest first. */
  under(prefix: string): readonly (readonly [string, number])[] {
    return [...this.#counts]
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, count]) => [name.slice(prefix.length), count] as const)
      .sort(([, one], [, other]) => other - one);
  }

  sumUnder(prefix: string): number {
    return this.under(prefix).reduce((sum, [, count]) => sum + count, 0);
  }
}
