import { gunzipSync } from 'node:zlib';

import { z } from 'zod';

/** More than any batch makes, unpacked. */
const MAX_UNPACKED_BYTES = 256 * 1_024 * 1_024;

const header = z.object({
  format: z.literal('charge-once-ledger-archive/1'),
  region: z.string(),
  shard: z.string(),
  entries: z.int().nonnegative(),
  predecessor: z.object({ key: z.string(), sha256: z.string() }).nullable(),
});

const line = z.object({
  sequenceNumber: z.string(),
  writtenEpochSeconds: z.number(),
  image: z.looseObject({ charge_id: z.object({ S: z.string() }), seq: z.object({ N: z.string() }) }),
});

export type ArchivedHeader = z.infer<typeof header>;
export type ArchivedEntry = z.infer<typeof line>;

/** What an object holds. @throws Error where it is no object of an archive, or not all of one */
export function readArchivedObject(bytes: Uint8Array): { header: ArchivedHeader; entries: ArchivedEntry[] } {
  const text = gunzipSync(bytes, { maxOutputLength: MAX_UNPACKED_BYTES }).toString();
  const [first = '', ...rest] = text.trimEnd().split('\n');
  const read = header.parse(JSON.parse(first));
  const entries = rest.map((one) => line.parse(JSON.parse(one)));
  if (entries.length !== read.entries) {
    throw new Error(`it announces ${read.entries} entries and holds ${entries.length}`);
  }
  return { header: read, entries };
}
