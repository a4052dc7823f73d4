import type { CredentialsVersion, PspCredentials } from '#gateway/psp/psp-credentials';

/** Credentials of an account that never change, the first ones to sign in with first. */
export function fixedPspCredentials<Content>(...contents: Content[]): PspCredentials<Content> {
  const versions = contents.map((content, index): CredentialsVersion<Content> => ({
    versionId: `version-${index + 1}`,
    content,
  }));
  return {
    isUsable: versions.length > 0,
    forSigningIn: () => Promise.resolve(versions),
    refused: () => Promise.resolve(versions),
    forVerifying: () => contents,
  };
}
