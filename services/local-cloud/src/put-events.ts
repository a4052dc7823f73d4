import { z } from 'zod';

/** Limits of PutEvents: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html */
const MAX_ENTRIES = 10;
const MAX_REQUEST_BYTES = 1_048_576;
const TIME_BYTES = 14;

const entrySchema = z.object({
  /** Seconds since the epoch, by the AWS JSON protocol. */
  Time: z.number().optional(),
  Source: z.string().optional(),
  Resources: z.array(z.string()).optional(),
  DetailType: z.string().optional(),
  Detail: z.string().optional(),
  EventBusName: z.string().optional(),
});

const requestSchema = z.object({ Entries: z.array(entrySchema) });

export type PutEventsEntry = z.infer<typeof entrySchema>;

/** Why one entry was not taken; the names and the meaning are AWS's (API reference, PutEventsResultEntry). */
export interface EntryFailure {
  readonly ErrorCode: string;
  readonly ErrorMessage: string;
}

/** An entry that stands all checks. */
export interface AcceptedEntry {
  readonly source: string;
  readonly detailType: string;
  readonly detail: Readonly<Record<string, unknown>>;
  readonly resources: readonly string[];
  readonly busName: string;
  /** Seconds since the epoch; absent: now. */
  readonly timeEpochSeconds: number | undefined;
}

/** The whole request is refused. */
export class PutEventsRequestError extends Error {
  override readonly name = 'PutEventsRequestError';
}

/** @throws PutEventsRequestError where AWS refuses the request as a whole */
export function readPutEventsRequest(body: unknown): readonly PutEventsEntry[] {
  const request = requestSchema.safeParse(body);
  if (!request.success) throw new PutEventsRequestError(z.prettifyError(request.error));
  const entries = request.data.Entries;
  if (entries.length < 1 || entries.length > MAX_ENTRIES) {
    throw new PutEventsRequestError(
      `1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length between 1 and ${MAX_ENTRIES}`,
    );
  }
  const sizeBytes = entries.reduce((total, entry) => total + entrySizeBytes(entry), 0);
  if (sizeBytes > MAX_REQUEST_BYTES) {
    throw new PutEventsRequestError(
      `Total size of the entries in the request is over the limit of ${MAX_REQUEST_BYTES} bytes.`,
    );
  }
  return entries;
}

/** Size of an entry as AWS counts it. */
export function entrySizeBytes(entry: PutEventsEntry): number {
  const texts = [entry.Source, entry.DetailType, entry.Detail, ...(entry.Resources ?? [])];
  const time = entry.Time === undefined ? 0 : TIME_BYTES;
  return texts.reduce((total, text) => total + Buffer.byteLength(text ?? ''), time);
}

/** Checks one entry; the others of the request are taken or refused independently. */
export function checkEntry(entry: PutEventsEntry): AcceptedEntry | EntryFailure {
  const { Source: source, DetailType: detailType, Detail: detailText } = entry;
  if (!source) return invalid('Source');
  if (!detailType || detailType.length > 128) return invalid('DetailType');
  if (!detailText) return invalid('Detail');
  const detail = parseObject(detailText);
  if (detail === undefined) return { ErrorCode: 'MalformedDetail', ErrorMessage: 'Detail is malformed.' };
  if (source.startsWith('aws.')) {
    return { ErrorCode: 'NotAuthorizedForSourceException', ErrorMessage: 'Not authorized for the source.' };
  }
  return {
    source,
    detailType,
    detail,
    resources: entry.Resources ?? [],
    busName: entry.EventBusName?.split('/').at(-1) ?? 'default',
    timeEpochSeconds: entry.Time,
  };
}

function invalid(parameter: string): EntryFailure {
  return {
    ErrorCode: 'InvalidArgument',
    ErrorMessage: `Parameter ${parameter} is not valid. Reason: ${parameter} is a required argument.`,
  };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
