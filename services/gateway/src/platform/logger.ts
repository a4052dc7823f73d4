/**
 * Structured log lines. Callers pass identifiers, codes and durations only: never a payment method, an API key,
 * a secret or a whole request.
 */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
