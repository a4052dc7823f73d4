import { createHash } from 'node:crypto';

import canonicalize from 'canonicalize';

import { sequenceNumbersIn, sha256Of } from './archive-object.ts';
import { readArchivedObject, type ArchivedEntry } from './read-archived-object.ts';

/** What the verification reads of the bucket. */
export interface VerifiedBucket {
  /** Every key under `ledger/`, in any order. */
  keys(): AsyncIterable<string>;
  read(key: string): Promise<Uint8Array>;
  /** How an object is kept; undefined where the bucket has no Object Lock at all. */
  retentionOf(key: string): Promise<ObjectRetention | undefined>;
  /** Keys that have more than one version, or a marker of a deletion. */
  changedKeys(): AsyncIterable<string>;
}

export interface ObjectRetention {
  readonly mode: string | undefined;
  /** RFC 3339. */
  readonly until: string | undefined;
  readonly legalHold: boolean;
}

export interface VerifyOptions {
  readonly bucket: VerifiedBucket;
  /** Every entry of the ledger, by a consistent read, in DynamoDB's own JSON. */
  readonly ledger: () => AsyncIterable<Readonly<Record<string, unknown>>>;
  /** Whether a bucket without Object Lock is a problem: everywhere but in the local run. */
  readonly requiresLock: boolean;
  /** Entries of other regions are archived there. */
  readonly region: string;
  /** Entries that were written later than this may be on their way to the archive. Milliseconds since the epoch. */
  readonly archivedBeforeEpochMs: number;
  readonly nowEpochMs: number;
}

export interface VerifyReport {
  readonly shards: number;
  readonly objects: number;
  readonly entries: number;
  readonly ledgerEntries: number;
  /** Entries of the ledger that are too young to have to be archived. */
  readonly onTheirWay: number;
  readonly heldObjects: number;
  /** Whether the bucket has Object Lock; a bucket of the local run has none. */
  readonly isLocked: boolean;
  /** In words, the first one first. Empty: nothing is missing and nothing was changed. */
  readonly problems: readonly string[];
}

/** An object in the order of its shard. */
interface ShardObject {
  readonly key: string;
  readonly first: bigint;
  readonly last: bigint;
}

interface ChargeStates {
  readonly states: { readonly seq: number; readonly state: string }[];
  youngestEpochMs: number;
}

/** The slots of a charge and what stands in them: the saga takes no other way. */
const LEGAL_WAY =
  /^100 RESERVED(?:, 200 (?:SETTLED|VOIDED|VOIDING(?:, 300 VOIDED)?)(?:, 400 LATE_SUCCESS_VOIDED)?)?$/;

/** So many problems are listed; more say nothing new. */
const MOST_PROBLEMS = 100;

/**
 * Walks the chain of each shard and holds the archive and the ledger against each other, in both directions.
 *
 * It keeps a digest and the state of each entry in memory: some 300 bytes each.
 */
export async function verifyArchive(options: VerifyOptions): Promise<VerifyReport> {
  const walk = new ArchiveWalk(options);
  await walk.walkShards();
  await walk.compareLedger();
  return walk.report;
}

class ArchiveWalk {
  readonly #options: VerifyOptions;
  readonly #archived = new Map<string, { readonly key: string; readonly digest: string; seen: boolean }>();
  /** What the ledger holds of each charge, whichever region wrote it. */
  readonly #charges = new Map<string, ChargeStates>();
  readonly #problems: string[] = [];
  readonly #counts = { shards: 0, objects: 0, entries: 0, ledgerEntries: 0, onTheirWay: 0, heldObjects: 0 };
  #isLocked = false;

  constructor(options: VerifyOptions) {
    this.#options = options;
  }

  get report(): VerifyReport {
    return { ...this.#counts, isLocked: this.#isLocked, problems: this.#problems };
  }

  async walkShards(): Promise<void> {
    const shards = await this.#shards();
    this.#counts.shards = shards.size;
    for (const [shardId, objects] of shards) await this.#walkShard(shardId, objects);
    for await (const key of this.#options.bucket.changedKeys()) {
      this.#problem(`${key}: has more than one version, or was deleted`);
    }
  }

  async compareLedger(): Promise<void> {
    for await (const image of this.#options.ledger()) {
      this.#noteState(image);
      this.#compareEntry(image);
    }
    this.#checkOrder();
    for (const [name, { key, seen }] of this.#archived) {
      if (!seen) this.#problem(`${name}: archived in ${key}, and gone from the ledger`);
    }
  }

  async #shards(): Promise<Map<string, ShardObject[]>> {
    const shards = new Map<string, ShardObject[]>();
    for await (const key of this.#options.bucket.keys()) {
      const numbers = sequenceNumbersIn(key);
      if (numbers === undefined) {
        this.#problem(`${key}: is no object of the archive`);
        continue;
      }
      const object = { key, first: BigInt(numbers.first), last: BigInt(numbers.last) };
      shards.set(numbers.shardId, [...(shards.get(numbers.shardId) ?? []), object]);
    }
    for (const objects of shards.values()) objects.sort(inOrderOfTheStream);
    return shards;
  }

  async #walkShard(shardId: string, objects: readonly ShardObject[]): Promise<void> {
    const digests = new Map<string, string>();
    let head: ShardObject | undefined;
    for (const object of objects) {
      this.#counts.objects += 1;
      const bytes = await this.#options.bucket.read(object.key);
      await this.#checkRetention(object.key);
      const read = this.#parse(object.key, bytes);
      if (read === undefined) continue;
      if (read.header.shard !== shardId) this.#problem(`${object.key}: is of the shard ${read.header.shard}`);
      this.#checkPredecessor(object, head, digests, read.header.predecessor);
      digests.set(object.key, sha256Of(bytes));
      this.#checkEntries(object, read.entries);
      // A fork holds entries that the head holds as well; the chain goes on from the one that reaches further.
      if (head === undefined || object.last > head.last) head = object;
    }
  }

  #parse(key: string, bytes: Uint8Array): ReturnType<typeof readArchivedObject> | undefined {
    try {
      return readArchivedObject(bytes);
    } catch (error) {
      this.#problem(`${key}: cannot be read (${error instanceof Error ? error.message : String(error)})`);
      return undefined;
    }
  }

  #checkPredecessor(
    object: ShardObject,
    head: ShardObject | undefined,
    digests: ReadonlyMap<string, string>,
    named: { readonly key: string; readonly sha256: string } | null,
  ): void {
    if (named === null) {
      if (head !== undefined)
        this.#problem(`${object.key}: names no predecessor, and ${head.key} is before it`);
      return;
    }
    const digest = digests.get(named.key);
    if (digest === undefined) {
      this.#problem(`${object.key}: its predecessor ${named.key} is missing`);
    } else if (digest !== named.sha256) {
      this.#problem(`${named.key}: was changed after ${object.key} had named its digest`);
    } else if (head !== undefined && object.first > head.last && lastIn(named.key) !== head.last) {
      // Of a fork, the mapping's halves are named instead of the whole: they end with the same entry.
      this.#problem(`${head.key}: is named by nobody; ${object.key} names ${named.key}`);
    }
  }

  #checkEntries(object: ShardObject, entries: readonly ArchivedEntry[]): void {
    this.#checkRange(object, entries);
    let before = object.first - 1n;
    for (const { sequenceNumber, image } of entries) {
      const number = BigInt(sequenceNumber);
      if (number <= before || number > object.last) {
        this.#problem(`${object.key}: the entry ${sequenceNumber} is out of order`);
      }
      before = number;
      const name = nameOf(image);
      const digest = digestOf(image);
      const known = this.#archived.get(name);
      if (known === undefined) {
        this.#counts.entries += 1;
        this.#archived.set(name, { key: object.key, digest, seen: false });
      } else if (known.digest !== digest) {
        this.#problem(`${name}: differs between ${known.key} and ${object.key}`);
      }
    }
  }

  /** The key is made of the first and the last entry: an object that holds others, or none, was slipped in. */
  #checkRange({ key, first, last }: ShardObject, entries: readonly ArchivedEntry[]): void {
    const numbers = entries.map(({ sequenceNumber }) => BigInt(sequenceNumber));
    if (numbers.length === 0) this.#problem(`${key}: holds no entries`);
    else if (numbers[0] !== first || numbers.at(-1) !== last) {
      this.#problem(`${key}: does not begin and end with the entries that its name says`);
    }
  }

  #noteState(image: Readonly<Record<string, unknown>>): void {
    const chargeId = (image.charge_id as { S?: string } | undefined)?.S ?? '?';
    const known = this.#charges.get(chargeId) ?? { states: [], youngestEpochMs: 0 };
    const writtenAt = Date.parse((image.recorded_at as { S?: string } | undefined)?.S ?? '');
    known.states.push({
      seq: Number((image.seq as { N?: string } | undefined)?.N),
      state: (image.state as { S?: string } | undefined)?.S ?? '?',
    });
    if (writtenAt > known.youngestEpochMs) known.youngestEpochMs = writtenAt;
    this.#charges.set(chargeId, known);
  }

  /** Of a charge that is being written while the ledger is read, a part may have been seen. */
  #checkOrder(): void {
    for (const [chargeId, { states, youngestEpochMs }] of this.#charges) {
      if (youngestEpochMs > this.#options.archivedBeforeEpochMs) continue;
      const way = states
        .toSorted((one, other) => one.seq - other.seq)
        .map(({ seq, state }) => `${seq} ${state}`)
        .join(', ');
      if (!LEGAL_WAY.test(way)) this.#problem(`charge ${chargeId}: its entries are ${way}`);
    }
  }

  async #checkRetention(key: string): Promise<void> {
    const retention = await this.#options.bucket.retentionOf(key);
    if (retention === undefined) {
      if (this.#options.requiresLock) this.#problem(`${key}: its bucket has no Object Lock`);
      return;
    }
    this.#isLocked = true;
    if (retention.legalHold) this.#counts.heldObjects += 1;
    if (retention.mode === undefined || retention.until === undefined) {
      this.#problem(`${key}: is kept by no retention`);
    } else if (!(Date.parse(retention.until) > this.#options.nowEpochMs) && !retention.legalHold) {
      this.#problem(`${key}: its retention ran out at ${retention.until}`);
    }
  }

  #compareEntry(image: Readonly<Record<string, unknown>>): void {
    const origin = (image.origin_region as { S?: string } | undefined)?.S;
    if (origin !== this.#options.region) return;
    this.#counts.ledgerEntries += 1;
    const name = nameOf(image);
    const archived = this.#archived.get(name);
    if (archived === undefined) {
      const writtenAt = Date.parse((image.recorded_at as { S?: string } | undefined)?.S ?? '');
      if (writtenAt > this.#options.archivedBeforeEpochMs) this.#counts.onTheirWay += 1;
      else this.#problem(`${name}: stands in the ledger, and is in no object`);
      return;
    }
    archived.seen = true;
    if (archived.digest !== digestOf(image)) {
      this.#problem(`${name}: differs between the ledger and ${archived.key}`);
    }
  }

  #problem(text: string): void {
    if (this.#problems.length < MOST_PROBLEMS) this.#problems.push(text);
  }
}

function inOrderOfTheStream(one: ShardObject, other: ShardObject): number {
  if (one.first !== other.first) return one.first < other.first ? -1 : 1;
  return one.last < other.last ? -1 : 1;
}

function lastIn(key: string): bigint | undefined {
  const last = sequenceNumbersIn(key)?.last;
  return last === undefined ? undefined : BigInt(last);
}

function nameOf(image: Readonly<Record<string, unknown>>): string {
  const charge = (image.charge_id as { S?: string } | undefined)?.S;
  const seq = (image.seq as { N?: string } | undefined)?.N;
  return `charge ${charge ?? '?'} entry ${seq ?? '?'}`;
}

/** The same for the same attributes, in whatever order they come. */
function digestOf(image: Readonly<Record<string, unknown>>): string {
  return createHash('sha256')
    .update(canonicalize(image) ?? '')
    .digest('hex');
}
