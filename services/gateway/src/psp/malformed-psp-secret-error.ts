/** Said of a field that holds what the stacks write into a new secret. */
export const NOT_SET_YET = 'is not set yet';

/** A PSP's secret holds something else than its fields; names the fields, never a value. */
export class MalformedPspSecretError extends Error {
  override readonly name = 'MalformedPspSecretError';

  /** Nobody has written what the PSP issued: it is as the stacks have made it. */
  readonly isNotSetYet: boolean;

  /** @param problems such as `secretKey: is not set yet` */
  constructor(secretName: string, versionId: string, problems: readonly string[]) {
    super(`the secret ${secretName}, version ${versionId}, is not usable: ${problems.join('; ')}`);
    this.isNotSetYet = problems.some((problem) => problem.endsWith(`: ${NOT_SET_YET}`));
  }
}
