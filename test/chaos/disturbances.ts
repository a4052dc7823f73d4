import type { SeededRandom } from '../simulation/seeded-random.ts';
import { DISTURBED_SERVERS, type DisturbedServer } from './disturbed-servers.ts';
import { INTERFERENCES, type Interference } from './disturbing-proxy.ts';
import type { Figures } from './figures.ts';
import { TASKS, type Product } from './product.ts';
import type { ChaosTiming } from './timing.ts';

/** What a disturbance needs. */
export interface Scene {
  readonly product: Product;
  readonly random: SeededRandom;
  readonly timing: ChaosTiming;
  readonly figures: Figures;
}

/** Something that is done to the product. */
export interface Disturbance {
  readonly kind: string;
  /** How long it lasts, where it does; 0: it is over at once. */
  readonly lastsMs: readonly [atLeast: number, atMost: number];
  /**
   * Begins it.
   *
   * @returns what ends it
   */
  begin(scene: Scene): Promise<() => Promise<void>>;
}

const nothing = (): Promise<void> => Promise.resolve();
const AT_ONCE = [0, 0] as const;

/** A task, or the sweeper, dies at whatever instruction it is. */
function kill(names: readonly string[], kind: string): Disturbance {
  return {
    kind,
    lastsMs: AT_ONCE,
    begin: ({ product, random, figures }) => {
      if (product.signal(random.pick(names), 'SIGKILL')) figures.add(`fault ${kind}`);
      return Promise.resolve(nothing);
    },
  };
}

/** A task sleeps beyond its leases, and wakes up in the middle of what it did: a zombie. */
function stop(timing: ChaosTiming): Disturbance {
  return {
    kind: 'stop of a task',
    lastsMs: [Math.round(timing.leaseMs * 1.2), timing.leaseMs * 2],
    begin: ({ product, random, figures }) => {
      const pid = product.pidOf(random.pick(TASKS));
      if (pid !== undefined && product.signalPid(pid, 'SIGSTOP')) figures.add('fault stop of a task');
      return Promise.resolve(() => {
        // It may have been killed meanwhile.
        if (pid !== undefined) product.signalPid(pid, 'SIGCONT');
        return nothing();
      });
    },
  };
}

/** As a deployment stops a task. */
const terminate: Disturbance = {
  kind: 'termination of a task',
  lastsMs: AT_ONCE,
  begin: ({ product, random, figures }) => {
    if (product.signal(random.pick(TASKS), 'SIGTERM')) figures.add('fault termination of a task');
    return Promise.resolve(nothing);
  },
};

/** A shard of the key store crashes, or shuts down fast, and is started again: its clients lose their connections. */
function restartPostgres(signal: 'SIGKILL' | 'SIGQUIT' | 'SIGINT'): Disturbance {
  return {
    kind: `restart of PostgreSQL by ${signal}`,
    lastsMs: AT_ONCE,
    begin: ({ product, random, figures }) => {
      const shard = random.pick(['postgres-0', 'postgres-1']);
      if (product.signal(shard, signal)) figures.add(`fault restart of PostgreSQL by ${signal}`);
      return Promise.resolve(nothing);
    },
  };
}

function interfere(server: DisturbedServer, kind: Interference): Disturbance {
  return {
    kind: `${server} ${kind}`,
    lastsMs: [1_000, 6_000],
    begin: ({ product, random, figures }) => {
      const share = random.pick([0.05, 0.2, 0.5, 1]);
      const end = product.proxies[server].interfere(kind, share);
      figures.add(`fault ${server} ${kind}`);
      return Promise.resolve(() => {
        end();
        return nothing();
      });
    },
  };
}

/** Nobody listens. */
function outage(server: DisturbedServer): Disturbance {
  return {
    kind: `${server} outage`,
    lastsMs: [1_000, 4_000],
    begin: async ({ product, figures }) => {
      await product.proxies[server].refuse();
      figures.add(`fault ${server} outage`);
      return () => product.proxies[server].accept();
    },
  };
}

const PSP_FAULTS = ['down', 'hang', '500', '401', '429', 'none'] as const;

/** A fault of the PSP itself, by its simulator's control interface. `none` is latency only. */
function pspFault(mode: (typeof PSP_FAULTS)[number]): Disturbance {
  const kind = `psp fault ${mode === 'none' ? 'latency' : mode}`;
  return {
    kind,
    lastsMs: [1_000, 6_000],
    begin: async ({ product, random, figures }) => {
      const { pspUrl } = product.cloud;
      await setPspFault(pspUrl, {
        mode,
        rate: random.pick([0.3, 1]),
        latencyMs: mode === 'none' ? random.between(200, 2_000) : 0,
      });
      figures.add(`fault ${kind}`);
      return () => setPspFault(pspUrl, { mode: 'none' });
    },
  };
}

async function setPspFault(
  pspUrl: string,
  fault: { mode: string; rate?: number; latencyMs?: number },
): Promise<void> {
  const response = await fetch(`${pspUrl}/_control/fault`, { method: 'PUT', body: JSON.stringify(fault) });
  await response.text();
  if (!response.ok) throw new Error(`the PSP simulator took no fault: ${response.status}`);
}

/** The events' and tickets' servers are disturbed less: what goes wrong there only postpones. */
const LESS_DISTURBED: readonly Interference[] = [
  'late-request',
  'lost-answer',
  'silent',
  'error',
  'throttled',
];

function interferencesOf(server: DisturbedServer): readonly Interference[] {
  return server === 'dynamodb' || server === 'psp' ? INTERFERENCES : LESS_DISTURBED;
}

/** Every kind of disturbance; one that stands in it several times is more frequent. */
export function deckOfDisturbances(timing: ChaosTiming): readonly Disturbance[] {
  const times = (count: number, disturbance: Disturbance): Disturbance[] =>
    Array.from({ length: count }, () => disturbance);
  return [
    ...times(12, kill(TASKS, 'kill of a task')),
    ...times(6, stop(timing)),
    ...times(2, terminate),
    ...times(2, kill(['sweeper'], 'kill of the sweeper')),
    ...times(2, restartPostgres('SIGKILL')),
    ...times(1, restartPostgres('SIGQUIT')),
    ...times(1, restartPostgres('SIGINT')),
    ...DISTURBED_SERVERS.flatMap((server) => interferencesOf(server).map((kind) => interfere(server, kind))),
    ...DISTURBED_SERVERS.map(outage),
    ...PSP_FAULTS.map(pspFault),
  ];
}

/** The few kinds of a short form, each once and the kills first. */
export function shortDeckOfDisturbances(timing: ChaosTiming): readonly Disturbance[] {
  return [
    kill(TASKS, 'kill of a task'),
    interfere('dynamodb', 'lost-answer'),
    stop(timing),
    pspFault('hang'),
    restartPostgres('SIGKILL'),
    interfere('psp', 'lost-answer'),
    kill(TASKS, 'kill of a task'),
    interfere('dynamodb', 'error-after'),
  ];
}
