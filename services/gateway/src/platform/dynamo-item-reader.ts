import type { AttributeValue } from '@aws-sdk/client-dynamodb';

/** An item is not as this version writes or reads it. Names the item and the attribute, never a value. */
export class MalformedItemError extends Error {
  override readonly name = 'MalformedItemError';

  constructor(item: string, attribute: string, problem: string) {
    super(`${item}: attribute ${attribute} ${problem}`);
  }
}

/** Reads the attributes of one item; what is missing or of another type is an error, never a default. */
export class DynamoItemReader {
  /** Names the item in errors. */
  readonly item: string;
  private readonly attributes: Readonly<Record<string, AttributeValue>>;
  private readonly path: string;

  constructor(item: string, attributes: Readonly<Record<string, AttributeValue>>, path = '') {
    this.item = item;
    this.attributes = attributes;
    this.path = path;
  }

  has(attribute: string): boolean {
    return this.attributes[attribute] !== undefined;
  }

  /** @throws MalformedItemError */
  text(attribute: string): string {
    const value = this.required(attribute).S;
    if (value === undefined) throw this.malformed(attribute, 'is not a string');
    return value;
  }

  /** @throws MalformedItemError */
  optionalText(attribute: string): string | undefined {
    return this.has(attribute) ? this.text(attribute) : undefined;
  }

  /** @throws MalformedItemError */
  integer(attribute: string): number {
    const text = this.required(attribute).N;
    const value = Number(text);
    if (text === undefined || !Number.isSafeInteger(value)) {
      throw this.malformed(attribute, 'is not a safe integer');
    }
    return value;
  }

  /** @throws MalformedItemError */
  optionalInteger(attribute: string): number | undefined {
    return this.has(attribute) ? this.integer(attribute) : undefined;
  }

  /** @throws MalformedItemError */
  map(attribute: string): DynamoItemReader {
    const value = this.required(attribute).M;
    if (value === undefined) throw this.malformed(attribute, 'is not a map');
    return new DynamoItemReader(this.item, value, `${this.path}${attribute}.`);
  }

  /** @throws MalformedItemError */
  bytes(attribute: string): Uint8Array {
    const value = this.required(attribute).B;
    if (value === undefined) throw this.malformed(attribute, 'is not binary');
    return value;
  }

  /** @throws MalformedItemError */
  oneOf<T extends string | number>(attribute: string, allowed: readonly T[]): T {
    const value = typeof allowed[0] === 'number' ? this.integer(attribute) : this.text(attribute);
    const found = allowed.find((candidate) => candidate === value);
    if (found === undefined) throw this.malformed(attribute, 'has a value that this version does not know');
    return found;
  }

  /**
   * A string attribute that holds a JSON object of strings, with its members in the order that they were written.
   *
   * @throws MalformedItemError
   */
  textRecord(attribute: string): Readonly<Record<string, string>> {
    const parsed = parseJson(this.text(attribute));
    if (!isTextRecord(parsed)) throw this.malformed(attribute, 'is not a JSON object of strings');
    return parsed;
  }

  malformed(attribute: string, problem: string): MalformedItemError {
    return new MalformedItemError(this.item, `${this.path}${attribute}`, problem);
  }

  private required(attribute: string): AttributeValue {
    const value = this.attributes[attribute];
    if (value === undefined) throw this.malformed(attribute, 'is missing');
    return value;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isTextRecord(value: unknown): value is Record<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((member) => typeof member === 'string');
}
