import { chargeIdOf, type ChargeKey } from '#gateway/idempotency/charge-key';

import { isTerminal } from '#gateway/saga/checkpoint';

import type { History } from '../history.ts';
import { CheckpointModel } from '../models/checkpoint-model.ts';
import { KeyStoreModel, nameOf } from '../models/key-store-model.ts';
import { LedgerModel } from '../models/ledger-model.ts';
import type { Endpoint } from '../network.ts';
import type { VirtualTime } from '../virtual-time.ts';
import { TicketQueue } from './ticket-queue.ts';

type StoreName = 'aurora' | 'dynamodb' | 'sqs' | 'eventbridge';

/** By how much a region's stores lag behind the one that was lost, each for itself. */
export interface ReplicationLag {
  readonly keyStoreMs: number;
  readonly checkpointsMs: number;
  readonly ledgerMs: number;
}

interface HomeStores {
  readonly keyStore: KeyStoreModel;
  readonly checkpoints: CheckpointModel;
  readonly ledger: LedgerModel;
}

/**
 * The slots that belong to one region at a time, with the stores that decide for them: a shard of the key store, and
 * the checkpoints and the ledger of that region. After the loss of the region the other one carries on with what its
 * replicas got, under a higher generation.
 */
export class Home {
  readonly index: number;
  region: number;
  generation = 1;
  /** Nobody has taken over yet from a region that was lost. */
  isLost = false;
  stores: HomeStores;
  queue: TicketQueue;
  /** Charges that were accepted, and of which a lost region left no trace that says what was to be charged. */
  readonly forgotten = new Set<string>();
  /** When the row and the item of a key became terminal, last, by no clock of any machine. */
  readonly rowEndedAtMs = new Map<string, number>();
  readonly itemEndedAtMs = new Map<string, number>();
  /** Endpoints that do not answer at present. */
  readonly down = new Set<string>();
  readonly #endpoints = new Map<StoreName, Endpoint>();
  readonly #time: VirtualTime;
  readonly #history: History;
  #databaseSkewMs: number;

  constructor(options: { index: number; time: VirtualTime; history: History; databaseSkewMs: number }) {
    this.index = options.index;
    this.region = options.index;
    this.#time = options.time;
    this.#history = options.history;
    this.#databaseSkewMs = options.databaseSkewMs;
    this.stores = this.#storesOver();
    this.queue = new TicketQueue(`recovery-${options.index}`);
  }

  /** Where the calls to one of its stores go now. */
  endpoint(store: StoreName): Endpoint {
    let endpoint = this.#endpoints.get(store);
    if (endpoint === undefined) this.#endpoints.set(store, (endpoint = this.#endpointNow(store)));
    return endpoint;
  }

  #endpointNow(store: StoreName): Endpoint {
    const { region, generation } = this;
    const name = `${store}-${this.index}`;
    return {
      name: generation === 1 ? name : `${name}'`,
      isDown: () =>
        this.isLost || this.region !== region || this.generation !== generation || this.down.has(store),
      isMuteFor: (operation) =>
        store === 'dynamodb' && this.down.has('dynamodb-writes') && !operation.startsWith('read-'),
    };
  }

  /** The other region takes over, with what replication had brought it. */
  moveTo(region: number, lag: ReplicationLag, databaseSkewMs: number): void {
    const { keyStore, checkpoints, ledger } = this.stores;
    const lostAtMs = this.#lostAtMs;
    this.region = region;
    this.generation += 1;
    this.isLost = false;
    this.down.clear();
    this.#endpoints.clear();
    const rowClockAtLoss = lostAtMs + this.#databaseSkewMs;
    this.#databaseSkewMs = databaseSkewMs;
    this.stores = this.#storesOver({
      rows: keyStore.rows.replicaAt(rowClockAtLoss - lag.keyStoreMs),
      items: checkpoints.items.replicaAt(lostAtMs - lag.checkpointsMs),
      entries: ledger.entries.replicaAt(lostAtMs - lag.ledgerMs),
    });
    this.queue = new TicketQueue(`recovery-${this.index}'`);
    for (const { key, request } of checkpoints.items.values()) {
      const chargeId = chargeIdOf(key);
      const isKnown =
        this.stores.checkpoints.items.get(nameOf(key))?.request !== undefined ||
        this.stores.ledger.read(chargeId).length > 0 ||
        this.stores.keyStore.rows.get(nameOf(key))?.response !== undefined;
      if (request !== undefined && !isKnown) this.forgotten.add(chargeId);
    }
  }

  #lostAtMs = 0;

  lose(): void {
    this.isLost = true;
    this.#lostAtMs = this.#time.nowMs;
  }

  /** Keys that were launched and have not ended, and of which the key store says nothing: no sweep finds them. */
  unwatchedKeys(): ChargeKey[] {
    const { checkpoints, keyStore } = this.stores;
    return checkpoints.items.values().flatMap(({ key, request }) => {
      if (request === undefined || isTerminal(request.checkpoint)) return [];
      const status = keyStore.rows.get(nameOf(key))?.status ?? 'FREED';
      return status === 'FREED' ? [key] : [];
    });
  }

  /** Every key that any of its stores knows. */
  knownKeys(): ChargeKey[] {
    const keys = new Map<string, ChargeKey>();
    for (const { key } of [
      ...this.stores.keyStore.rows.values(),
      ...this.stores.checkpoints.items.values(),
    ]) {
      keys.set(`${key.tenantId}/${key.idempotencyKey}`, key);
    }
    for (const entry of this.stores.ledger.entries.values()) {
      if (entry.state !== 'RESERVED') continue;
      const { tenantId, idempotencyKey } = entry;
      keys.set(`${tenantId}/${idempotencyKey}`, { tenantId, idempotencyKey });
    }
    return [...keys.values()];
  }

  #storesOver(
    held: {
      rows?: KeyStoreModel['rows'];
      items?: CheckpointModel['items'];
      entries?: LedgerModel['entries'];
    } = {},
  ): HomeStores {
    const { generation } = this;
    const onLowerEpoch = (text: string): void => this.#history.violate(this.#time.nowMs, 'I7', text);
    const nowMs = (): number => this.#time.nowMs;
    const skewMs = this.#databaseSkewMs;
    const ledger = new LedgerModel({
      nowMs,
      onLowerEpoch,
      ...(held.entries === undefined ? {} : { entries: held.entries }),
    });
    return {
      ledger,
      keyStore: new KeyStoreModel({
        nowMs: () => this.#time.nowMs + skewMs,
        generation,
        onLowerEpoch,
        ...(held.rows === undefined ? {} : { rows: held.rows }),
      }),
      checkpoints: new CheckpointModel({
        ...{ ledger, nowMs, onLowerEpoch },
        ...(held.items === undefined ? {} : { items: held.items }),
      }),
    };
  }
}
