/** Randomness, injected. */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** A V4 UUID. */
  uuid(): string;
}
