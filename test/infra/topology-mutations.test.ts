import { describe, expect, it } from '@jest/globals';

import { synthesiseStages } from '../support/synthesised-stages.ts';
import { DATABASE_MISTAKES } from './mutations/database-mistakes.ts';
import { DELETION_MISTAKES } from './mutations/deletion-mistakes.ts';
import { DELIVERY_MISTAKES, QUEUE_MISTAKES } from './mutations/delivery-mistakes.ts';
import { ENCRYPTION_MISTAKES, TRANSPORT_MISTAKES } from './mutations/encryption-mistakes.ts';
import { ENVIRONMENT_MISTAKES } from './mutations/environment-mistakes.ts';
import { POLICY_MISTAKES } from './mutations/policy-mistakes.ts';
import { SHAPE_MISTAKES } from './mutations/shape-mistakes.ts';
import { TOPOLOGY_RULES } from './topology-rules.ts';

const MUTATIONS = [
  ...ENCRYPTION_MISTAKES,
  ...TRANSPORT_MISTAKES,
  ...POLICY_MISTAKES,
  ...DELETION_MISTAKES,
  ...QUEUE_MISTAKES,
  ...DELIVERY_MISTAKES,
  ...ENVIRONMENT_MISTAKES,
  ...DATABASE_MISTAKES,
  ...SHAPE_MISTAKES,
];

const stages = synthesiseStages();
const prod = stages.find(({ name }) => name === 'prod');
if (prod === undefined) throw new Error('no stage prod');
const asItIs = new Map(Object.entries(TOPOLOGY_RULES).map(([sentence, rule]) => [sentence, rule(prod)]));

describe('a mistake in the templates is noticed', () => {
  it.each(MUTATIONS)('$sentence: $mistake', ({ sentence, make }) => {
    const spoilt = structuredClone(prod);
    make(spoilt);
    const before = asItIs.get(sentence);
    const noticed = TOPOLOGY_RULES[sentence](spoilt).filter(
      (violation) => before?.includes(violation) !== true,
    );
    expect(noticed).not.toEqual([]);
  });

  it.each(Object.keys(TOPOLOGY_RULES))('there is a mistake against: %s', (sentence) => {
    expect(MUTATIONS.map((mutation) => mutation.sentence)).toContain(sentence);
  });

  it('a stage may be destroyed only for a reason', () => {
    const withoutReason = { ...prod, destroyableBecause: ' ' };
    expect(TOPOLOGY_RULES['nothing stateful is deletable by a mistake'](withoutReason)).not.toEqual([]);
  });
});
