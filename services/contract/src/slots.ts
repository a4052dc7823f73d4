/** Number of hash slots that the keys of all tenants are spread over. Frozen: a key's shard depends on it. */
export const SLOT_COUNT = 1_024;
