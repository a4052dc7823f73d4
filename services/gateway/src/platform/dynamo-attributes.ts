import type { AttributeValue } from '@aws-sdk/client-dynamodb';

/** Attributes of an item that is being written. */
export type DynamoAttributes = Record<string, AttributeValue>;

export const text = (value: string): AttributeValue => ({ S: value });

export const integer = (value: number): AttributeValue => ({ N: String(value) });

/** The attribute, or none where there is no value. */
export const optionalText = (name: string, value: string | undefined): DynamoAttributes =>
  value === undefined ? {} : { [name]: text(value) };
