import { z } from 'zod';

import { LEDGER } from '#contract/tables';

import type { ArchivedObject } from './archive-object.ts';

/** What the window of a shard carries from one invocation to the next. Empty at the start of each window. */
const windowState = z.object({
  predecessor: z.object({ key: z.string().min(1), sha256: z.string().regex(/^[0-9a-f]{64}$/) }).optional(),
});

/**
 * An invocation by a DynamoDB stream's mapping with a tumbling window. The window is there for two things that a plain
 * mapping does not give: the shard's id, and a state that goes from one batch of a shard to the next
 * (https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-windows.html).
 */
export const streamBatch = z.object({
  Records: z.array(z.unknown()),
  shardId: z.string().regex(/^[\w-]+$/),
  state: windowState.nullish(),
});

/** What the mapping wants to hear. Without `state`, it takes the invocation for a failed one. */
export interface StreamBatchResponse {
  readonly state: { readonly predecessor?: ArchivedObject };
  /** The first record that was not archived: the mapping goes on from there. */
  readonly batchItemFailures: readonly { readonly itemIdentifier: string }[];
}

const text = z.object({ S: z.string().min(1) });
const integer = z.object({ N: z.string().regex(/^\d+$/) });
/** DynamoDB's own bound is 40 digits. */
const sequenceNumber = z.string().regex(/^\d{1,40}$/);

/** Only what the archive needs to know of an entry; the image is archived as it is, whatever else it holds. */
const ledgerRecord = z.object({
  eventName: z.literal('INSERT'),
  dynamodb: z.object({
    SequenceNumber: sequenceNumber,
    /** Seconds since the epoch. */
    ApproximateCreationDateTime: z.number().positive(),
    NewImage: z.looseObject({
      [LEDGER.partitionKey]: text,
      [LEDGER.sortKey]: integer,
      [LEDGER.originRegion]: text,
    }),
  }),
});

/** A ledger entry as the stream delivered it. */
export interface StreamedEntry {
  readonly sequenceNumber: string;
  readonly writtenEpochSeconds: number;
  readonly originRegion: string;
  /** In DynamoDB's own JSON, so that nothing is lost or rounded. */
  readonly image: object;
}

/** The readable records up to the first one that is not, in the order of the stream. */
export interface ReadableRecords {
  readonly entries: readonly StreamedEntry[];
  readonly unreadable: UnreadableRecord | undefined;
}

export interface UnreadableRecord {
  /** Absent: the record cannot even be named to the mapping. */
  readonly sequenceNumber: string | undefined;
  /** Paths and rules, never values. */
  readonly problems: readonly string[];
}

export function readableRecords(records: readonly unknown[]): ReadableRecords {
  const entries: StreamedEntry[] = [];
  for (const record of records) {
    const parsed = ledgerRecord.safeParse(record);
    if (!parsed.success) {
      const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.code}`);
      return { entries, unreadable: { sequenceNumber: sequenceNumberOf(record), problems } };
    }
    const { SequenceNumber, ApproximateCreationDateTime, NewImage } = parsed.data.dynamodb;
    entries.push({
      sequenceNumber: SequenceNumber,
      writtenEpochSeconds: ApproximateCreationDateTime,
      originRegion: NewImage[LEDGER.originRegion].S,
      image: NewImage,
    });
  }
  return { entries, unreadable: undefined };
}

function sequenceNumberOf(record: unknown): string | undefined {
  const named = z.object({ dynamodb: z.object({ SequenceNumber: sequenceNumber }) }).safeParse(record);
  return named.success ? named.data.dynamodb.SequenceNumber : undefined;
}
