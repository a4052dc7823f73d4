/**
 * What a child process of a test has of this one's environment: where programs are, and where Node keeps code that it has
 * compiled, so that the next process of the same kind starts sooner. No configuration of whoever runs the tests.
 */
export function inheritedEnvironment(): Readonly<Record<string, string | undefined>> {
  const { PATH, NODE_COMPILE_CACHE } = process.env;
  return { PATH, NODE_COMPILE_CACHE };
}
