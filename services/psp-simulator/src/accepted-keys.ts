/** The keys of an account that sign in. */
export class AcceptedKeys {
  readonly #issued: Set<string> | undefined;
  readonly #revoked = new Set<string>();

  /** @param issued undefined: every key that has the form of one signs in until it is revoked */
  constructor(issued: readonly string[] | undefined) {
    this.#issued = issued === undefined ? undefined : new Set(issued);
  }

  accepts(key: string): boolean {
    return (this.#issued?.has(key) ?? true) && !this.#revoked.has(key);
  }

  issue(key: string): void {
    this.#issued?.add(key);
    this.#revoked.delete(key);
  }

  revoke(key: string): void {
    this.#revoked.add(key);
  }
}
