/** No version of an account's credentials is known, so that nothing can be asked of the PSP. */
export class PspCredentialsUnavailableError extends Error {
  override readonly name = 'PspCredentialsUnavailableError';

  constructor(secretName: string, options: ErrorOptions) {
    super(`no usable version of the secret ${secretName} is known`, options);
  }
}
