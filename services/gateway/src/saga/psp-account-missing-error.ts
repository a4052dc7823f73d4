/**
 * A charge was accepted for an account of a PSP that this task does not have, or no longer. Nobody else can say what
 * became of it: it waits for the account to be there again.
 */
export class PspAccountMissingError extends Error {
  override readonly name = 'PspAccountMissingError';

  constructor(pspName: string, pspAccount: string) {
    super(`this task has no account ${pspAccount} of ${pspName}`);
  }
}
