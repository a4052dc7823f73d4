import { isDeepStrictEqual } from 'node:util';

import type { LedgerEntry } from './ledger-entry.ts';

/** What an entry says about the charge: all of it but who wrote it, and when. */
function contentOf(entry: LedgerEntry): object {
  const content = { ...entry, epoch: undefined, recordedAt: undefined, originRegion: undefined };
  // The order of the metadata is part of the content: it is the order of the bytes of the answer.
  return 'metadata' in content ? { ...content, metadata: JSON.stringify(content.metadata) } : content;
}

/** Whether two entries say the same, whoever wrote them: then the same decision stands, made once. */
export function hasSameContent(one: LedgerEntry, other: LedgerEntry): boolean {
  return isDeepStrictEqual(contentOf(one), contentOf(other));
}

/** Whether `standing` is `entry` itself, as this very epoch wrote it before its answer was lost (protocol rule 8). */
export function isOwnRepeat(standing: LedgerEntry, entry: LedgerEntry): boolean {
  return standing.epoch === entry.epoch && hasSameContent(standing, entry);
}
