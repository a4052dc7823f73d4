import { boundedDelivery } from './rules/bounded-delivery.ts';
import { contractEnvironments } from './rules/contract-environments.ts';
import { everyDeadLetterQueueHasAlarm, everyQueueHasDeadLetters } from './rules/dead-letters.ts';
import { encryptedAtRest } from './rules/encrypted-at-rest.ts';
import { encryptedInTransit } from './rules/encrypted-in-transit.ts';
import { secondariesCarryNoMasterUser } from './rules/global-databases.ts';
import { protectedState } from './rules/protected-state.ts';
import { bothRegionsHaveTheSameShape } from './rules/same-shape.ts';
import { strongTablesCarryNoTtl } from './rules/strong-tables.ts';
import type { TopologyRule } from './rules/template-values.ts';
import { writtenWildcards } from './rules/written-wildcards.ts';

/** What must be true of the templates, sentence by sentence. */
export const TOPOLOGY_RULES = {
  'everything that keeps data is encrypted at rest with our key': encryptedAtRest,
  'every hop is encrypted with TLS': encryptedInTransit,
  'no policy allows a `*` resource without a written reason': writtenWildcards,
  'nothing stateful is deletable by a mistake': protectedState,
  'every queue has a dead-letter queue': everyQueueHasDeadLetters,
  'every dead-letter queue has an alarm': everyDeadLetterQueueHasAlarm,
  'every asynchronous target has a bounded retry and a dead-letter target': boundedDelivery,
  "each process's environment equals the runtime's schema exactly": contractEnvironments,
  'secondaries carry no master user and no database name': secondariesCarryNoMasterUser,
  'strongly consistent tables carry no TTL': strongTablesCarryNoTtl,
  'both regions synthesise the same shape': bothRegionsHaveTheSameShape,
} as const satisfies Record<string, TopologyRule>;

export type TopologySentence = keyof typeof TOPOLOGY_RULES;
