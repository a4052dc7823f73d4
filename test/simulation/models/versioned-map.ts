interface Version<Value> {
  readonly atMs: number;
  readonly value: Value;
}

/** A map that remembers when it held what, so that a replica which lags can be taken of it. Values are immutable. */
export class VersionedMap<Value> {
  readonly #versions = new Map<string, Version<Value>[]>();
  readonly #latest = new Map<string, Value>();

  get(key: string): Value | undefined {
    return this.#latest.get(key);
  }

  set(key: string, value: Value, atMs: number): void {
    this.#latest.set(key, value);
    const versions = this.#versions.get(key);
    if (versions === undefined) this.#versions.set(key, [{ atMs, value }]);
    else versions.push({ atMs, value });
  }

  delete(key: string): void {
    this.#versions.delete(key);
    this.#latest.delete(key);
  }

  values(): Value[] {
    return [...this.#latest.values()];
  }

  /** What a replica holds that got everything up to `untilMs` and nothing after it. */
  replicaAt(untilMs: number): VersionedMap<Value> {
    const replica = new VersionedMap<Value>();
    for (const [key, versions] of this.#versions) {
      const last = versions.findLast(({ atMs }) => atMs <= untilMs);
      if (last !== undefined) replica.set(key, last.value, last.atMs);
    }
    return replica;
  }
}
