import { describe, expect, it } from '@jest/globals';

import { lambdaTraceHeader } from '#sweeper/lambda-trace-header';

const ROOT = 'Root=1-6743ad5c-0123456789abcdef01234567';

describe("the trace of a Lambda's invocation", () => {
  it('is what SQS takes of it', () => {
    const header = `${ROOT};Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:a87bd80c:1`;
    expect(lambdaTraceHeader(header)).toBe(`${ROOT};Parent=53995c3f42cd8ad8;Sampled=1`);
    expect(lambdaTraceHeader(ROOT)).toBe(ROOT);
  });

  it.each([undefined, '', 'Sampled=0', 'Lineage=1:a87bd80c:1', 'Root='])('is none in %j', (header) => {
    expect(lambdaTraceHeader(header)).toBeUndefined();
  });
});
