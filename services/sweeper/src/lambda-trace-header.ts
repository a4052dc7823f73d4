/**
 * What SQS takes of the trace that Lambda writes into an invocation's environment: that also has parts which are none of
 * a message's business.
 */
export function lambdaTraceHeader(variable: string | undefined): string | undefined {
  const parts = (variable ?? '').split(';').filter((part) => /^(Root|Parent|Sampled)=[\w-]+$/.test(part));
  return parts.some((part) => part.startsWith('Root=')) ? parts.join(';') : undefined;
}
