import { describe, expect, it } from '@jest/globals';

import { synthesiseStages } from '../support/synthesised-stages.ts';
import { TOPOLOGY_RULES } from './topology-rules.ts';

describe.each(synthesiseStages())('the templates of $name', (stage) => {
  it('are those of both regions', () => {
    expect(new Set(stage.stacks.map(({ region }) => region))).toEqual(new Set(stage.regions));
  });

  it.each(Object.entries(TOPOLOGY_RULES))('%s', (_sentence, rule) => {
    expect(rule(stage)).toEqual([]);
  });
});
