/** A value of an event pattern: an exact value or one of EventBridge's comparisons. */
export type PatternMatcher =
  | string
  | number
  | boolean
  | null
  | { readonly prefix: string }
  | { readonly suffix: string }
  | { readonly exists: boolean }
  | { readonly 'anything-but': PatternScalar | readonly PatternScalar[] | { readonly prefix: string } };

export type PatternScalar = string | number | boolean | null;

/** An EventBridge event pattern: every named field must match one of its list; an object goes one level down. */
export interface EventPattern {
  readonly [field: string]: readonly PatternMatcher[] | EventPattern;
}

/** An SQS queue that a rule delivers to. */
export interface EventTarget {
  readonly id: string;
  readonly queueName: string;
  /** Where an event goes that could not be delivered; absent: it is dropped, as by EventBridge. */
  readonly deadLetterQueueName?: string;
}

export interface EventRule {
  readonly name: string;
  readonly pattern: EventPattern;
  readonly targets: readonly EventTarget[];
}

/** An event bus with its rules, as the templates declare them. */
export interface EventBusDefinition {
  readonly name: string;
  readonly rules: readonly EventRule[];
}
