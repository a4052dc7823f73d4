import { invalidParameter } from './stripe-api-error.ts';

/** Parameters of a request as decoded: a tree whose leaves are strings. */
export type Parameters = Readonly<Record<string, unknown>>;

/**
 * Reads the parameters of one request, and refuses what Stripe refuses, in Stripe's words.
 *
 * Every method throws StripeApiError (400) for a value of the wrong form.
 */
export class ParameterReader {
  readonly #parameters: Parameters;
  readonly #prefix: string;

  /** Refuses at once every parameter that is not among `known`. */
  constructor(parameters: Parameters, known: readonly string[], prefix = '') {
    this.#parameters = parameters;
    this.#prefix = prefix;
    for (const name of Object.keys(parameters)) {
      if (known.includes(name)) continue;
      const full = this.#fullName(name);
      throw invalidParameter(full, `Received unknown parameter: ${full}`, 'parameter_unknown');
    }
  }

  has(name: string): boolean {
    return this.#parameters[name] !== undefined;
  }

  string(name: string, maximumLength = 5000): string | undefined {
    const value = this.#parameters[name];
    if (value === undefined) return undefined;
    const full = this.#fullName(name);
    if (typeof value !== 'string') throw invalidParameter(full, 'Invalid string: must be a string');
    if (value === '') {
      throw invalidParameter(
        full,
        `You passed an empty string for '${full}'. We assume empty values are an attempt to unset a parameter; however '${full}' cannot be unset.`,
        'parameter_invalid_empty',
      );
    }
    if (value.length > maximumLength) {
      throw invalidParameter(full, `Invalid string: must be at most ${maximumLength} characters`);
    }
    return value;
  }

  requiredString(name: string): string {
    return this.string(name) ?? this.#missing(name);
  }

  integer(name: string): number | undefined {
    const value = this.string(name);
    if (value === undefined) return undefined;
    if (!/^-?\d{1,15}$/.test(value)) {
      throw invalidParameter(this.#fullName(name), `Invalid integer: ${value}`, 'parameter_invalid_integer');
    }
    return Number(value);
  }

  requiredInteger(name: string): number {
    return this.integer(name) ?? this.#missing(name);
  }

  boolean(name: string): boolean {
    const value = this.string(name);
    if (value !== undefined && value !== 'true' && value !== 'false') {
      throw invalidParameter(this.#fullName(name), `Invalid boolean: ${value}`);
    }
    return value === 'true';
  }

  oneOf<Value extends string>(name: string, values: readonly Value[]): Value | undefined {
    const value = this.string(name);
    if (value === undefined) return undefined;
    const found = values.find((candidate) => candidate === value);
    if (found !== undefined) return found;
    throw invalidParameter(this.#fullName(name), `Invalid ${name}: must be one of ${values.join(', ')}`);
  }

  strings(name: string): readonly string[] | undefined {
    const value = this.#parameters[name];
    if (value === undefined) return undefined;
    const isListOfStrings = Array.isArray(value) && value.every((item) => typeof item === 'string');
    if (!isListOfStrings) throw invalidParameter(this.#fullName(name), 'Invalid array');
    return value;
  }

  /** Parameters nested in one of this reader's. */
  object(name: string, known: readonly string[]): ParameterReader | undefined {
    const value = this.#parameters[name];
    if (value === undefined) return undefined;
    if (!isTree(value)) throw invalidParameter(this.#fullName(name), 'Invalid object');
    return new ParameterReader(value, known, this.#fullName(name));
  }

  /** At most 50 keys of 40 characters, with values of 500. */
  metadata(): Readonly<Record<string, string>> {
    const value = this.#parameters.metadata;
    if (value === undefined) return {};
    if (!isTree(value)) throw invalidParameter('metadata', 'Invalid object');
    const entries = Object.entries(value);
    if (entries.length > 50) throw invalidParameter('metadata', 'You can have up to 50 metadata keys.');
    return Object.fromEntries(entries.map(([key, text]) => [key, metadataValue(key, text)]));
  }

  #fullName(name: string): string {
    return this.#prefix === '' ? name : `${this.#prefix}[${name}]`;
  }

  #missing(name: string): never {
    const full = this.#fullName(name);
    throw invalidParameter(full, `Missing required param: ${full}.`, 'parameter_missing');
  }
}

function isTree(value: unknown): value is Parameters {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function metadataValue(key: string, value: unknown): string {
  if (typeof value !== 'string')
    throw invalidParameter(`metadata[${key}]`, 'Metadata values must be strings.');
  if (key.length > 40) {
    throw invalidParameter('metadata', `Metadata keys can have up to 40 characters, but '${key}' is longer.`);
  }
  if (value.length > 500) {
    throw invalidParameter(
      `metadata[${key}]`,
      `Metadata values can have up to 500 characters, but you passed in a value that is ${value.length} characters.`,
    );
  }
  return value;
}
