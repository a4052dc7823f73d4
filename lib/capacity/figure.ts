/** A number with where it comes from, so that a reader can follow it, doubt it, and put another in its place. */
export interface Figure {
  readonly name: string;
  readonly amount: number;
  readonly unit: string;
  /** How the amount was worked out, with its numbers in it. */
  readonly formula: string;
  readonly source: string;
}

/** Figures on one subject. */
export interface Section {
  readonly title: string;
  readonly figures: readonly Figure[];
}

/** A number as it stands in a formula. */
export function show(amount: number): string {
  return amount.toLocaleString('en-US', { maximumFractionDigits: 5 });
}
