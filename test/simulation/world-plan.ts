import type { ChargeKey } from '#gateway/idempotency/charge-key';

import { mix, SeededRandom } from './seeded-random.ts';
import type { ClientPlan } from './world/client.ts';
import type { WorldPlan } from './world/world.ts';

/** Faults end here; what is under way may still arrive later. */
const HEAL_AT_MS = 25_000;
/** At Braintree a charge is attempted again only after its bounds (rule 6): what goes wrong there is to meet that too. */
const BRAINTREE_HEAL_AT_MS = 200_000;
const BRAINTREE_STRETCH = 25;

const LONG_NIGHT_MS = 25 * 3_600_000;

/** Seeds that this divides are of worlds whose PSP is Braintree. Not drawn: all other seeds give what they always gave. */
const BRAINTREE_EVERY = 4;

const FAULT_RATES = [0, 0.01, 0.03, 0.08, 0.2];
const PSP_FAULT_RATES = [0, 0.1, 0.4, 0.9];
const OUTAGES = ['aurora', 'dynamodb', 'sqs', 'eventbridge', 'stripe', 'partition', 'dynamodb-writes'];

/** What is left of a plan: a shrinker takes clients, outages and single faults away. */
export interface Reduction {
  readonly suppressed: ReadonlySet<number>;
  readonly withoutClients: ReadonlySet<string>;
  readonly withoutOutages: ReadonlySet<number>;
  readonly withoutRegionLoss: boolean;
}

export const NOTHING_REDUCED: Reduction = {
  suppressed: new Set(),
  withoutClients: new Set(),
  withoutOutages: new Set(),
  withoutRegionLoss: false,
};

/**
 * Draws a world from its seed. Worlds differ in kind, not only in detail ("swarm testing", Groce et al., ISSTA 2012):
 * one has many faults of the PSP and a quiet network, the next is the other way round.
 */
export function planOf(seed: number, reduction: Reduction = NOTHING_REDUCED): WorldPlan {
  const random = new SeededRandom(mix(seed, 1));
  const keys: ChargeKey[] = [];
  const clients: ClientPlan[] = [];
  const keyCount = random.between(1, 2);
  const uuid = random.uuid();
  for (let index = 0; index < keyCount; index += 1) {
    // Two tenants that use the same UUID must never meet.
    const key = { tenantId: `tenant_${index}`, idempotencyKey: random.chance(0.5) ? uuid : random.uuid() };
    keys.push(key);
    clients.push(...clientsOf(key, index, random));
  }
  const pspName = seed % BRAINTREE_EVERY === 0 ? 'braintree' : 'stripe';
  // Half of Braintree's worlds: as early as Stripe's, or about its second attempts.
  const stretch = seed % (2 * BRAINTREE_EVERY) === 0 ? BRAINTREE_STRETCH : 1;
  const regionLoss = random.chance(0.2)
    ? { atMs: stretch * random.between(50, 6_000), region: random.between(0, 1) }
    : undefined;
  const outages = Array.from({ length: random.between(0, 2) }, () => ({
    atMs: stretch * random.between(0, 8_000),
    forMs: random.between(500, 12_000),
    what: random.pick(OUTAGES),
  }));
  return {
    ...{ seed, keys, suppressed: reduction.suppressed },
    pspName,
    healAtMs: pspName === 'braintree' ? BRAINTREE_HEAL_AT_MS : HEAL_AT_MS,
    faultRate: random.pick(FAULT_RATES),
    pspFaultRate: random.pick(PSP_FAULT_RATES),
    clients: clients.filter(({ name }) => !reduction.withoutClients.has(name)),
    longNightMs: random.chance(0.02) && regionLoss === undefined ? LONG_NIGHT_MS : 0,
    // By the seed itself, so that worlds which were drawn before this was a kind of theirs are what they were.
    approvesInPart: seed % 7 === 5,
    regionLoss: reduction.withoutRegionLoss ? undefined : regionLoss,
    outages: outages.filter((_, index) => !reduction.withoutOutages.has(index)),
  };
}

function clientsOf(key: ChargeKey, index: number, random: SeededRandom): ClientPlan[] {
  return Array.from({ length: random.between(1, 3) }, (_, number) => ({
    name: `client-${index}.${number}`,
    key,
    payload: number > 0 && random.chance(0.08) ? 1 : 0,
    startAtMs: random.chance(0.6) ? random.between(0, 300) : random.between(0, 15_000),
    maximumRequests: random.between(1, 6),
  }));
}
