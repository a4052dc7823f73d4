/** One version of what signs in at an account of a PSP. */
export interface CredentialsVersion<Content> {
  /** Names the version, also in logs. No secret. */
  readonly versionId: string;
  readonly content: Content;
}

/**
 * What signs in at one account of a PSP. During a rotation two versions are valid, and for how long the PSP takes which
 * of them only the PSP can say: hence lists, of three versions at most.
 */
export interface PspCredentials<Content> {
  /** False where no version could be read, ever: nothing can be asked of the PSP then. True until that is known. */
  readonly isUsable: boolean;

  /**
   * Of the current version and the one before it, that which the PSP is most likely to take comes first.
   *
   * @throws PspCredentialsUnavailableError
   */
  forSigningIn(): Promise<readonly CredentialsVersion<Content>[]>;

  /**
   * To be told when the PSP does not take a version (401): whether there are newer ones is looked up at once, in one
   * look-up for all who ask. Never throws.
   *
   * @returns as `forSigningIn`, with what was refused lately at the end
   */
  refused(versionId: string): Promise<readonly CredentialsVersion<Content>[]>;

  /** Every version that what arrives may be signed with, also one that is not current yet. Empty where none is known. */
  forVerifying(): readonly Content[];
}
