import type { Random } from '#gateway/platform/random';

/** Mixes words into one 32-bit seed (murmur3's finaliser over a running state). */
export function mix(...words: readonly number[]): number {
  let state = 0x9e3779b9;
  for (const word of words) {
    state = Math.imul(state ^ word, 0x85ebca6b);
    state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
    state ^= state >>> 16;
  }
  return state >>> 0;
}

/** A stream of random numbers that its seed decides, and nothing else: sfc32 (Chris Doty-Humphrey, PractRand). */
export class SeededRandom implements Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number) {
    this.#a = mix(seed, 1);
    this.#b = mix(seed, 2);
    this.#c = mix(seed, 3);
    for (let round = 0; round < 12; round += 1) this.word();
  }

  /** 32 random bits. */
  word(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }

  next(): number {
    return this.word() / 0x1_0000_0000;
  }

  /** An integer in [low, high]. */
  between(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<Value>(values: readonly Value[]): Value {
    const value = values[Math.floor(this.next() * values.length)];
    if (value === undefined) throw new RangeError('nothing to pick from');
    return value;
  }

  uuid(): string {
    const [one, two, three, four] = [this.word(), this.word(), this.word(), this.word()];
    const version = `4${hexOf(two & 0xfff, 3)}`;
    const variant = `${'89ab'[this.word() & 3] ?? '8'}${hexOf((three >>> 16) & 0xfff, 3)}`;
    return `${hexOf(one, 8)}-${hexOf(two >>> 16, 4)}-${version}-${variant}-${hexOf(three & 0xffff, 4)}${hexOf(four, 8)}`;
  }
}

function hexOf(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
