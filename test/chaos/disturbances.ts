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
  /** Tasks that were stopped and not continued yet. */
  readonly asleep: Set<string>;
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

/** How often a second task may be disturbed while the first is still down or asleep. */
const SECOND_VICTIM_SHARE = 0.25;

/**
 * A task that may be disturbed. One of them is left in peace: were all of them down, nothing would happen that counts,
 * and on a slow machine no charge would ever get anywhere.
 */
function victim({ product, random, asleep }: Scene): string | undefined {
  const awake = product.readyTasks.filter((name) => !asleep.has(name));
  const leastAwake = random.chance(SECOND_VICTIM_SHARE) ? 2 : TASKS.length;
  return awake.length >= leastAwake ? random.pick(awake) : undefined;
}

/** A task dies at whatever instruction it is, or is told to stop, as a deployment does. */
function endTask(signal: 'SIGKILL' | 'SIGTERM', kind: string): Disturbance {
  return {
    kind,
    lastsMs: AT_ONCE,
    begin: (scene) => {
      const task = victim(scene);
      if (task !== undefined && scene.product.signal(task, signal)) scene.figures.add(`fault ${kind}`);
      return Promise.resolve(nothing);
    },
  };
}

const killTask = endTask('SIGKILL', 'kill of a task');

const killSweeper: Disturbance = {
  kind: 'kill of the sweeper',
  lastsMs: AT_ONCE,
  begin: ({ product, figures }) => {
    if (product.signal('sweeper', 'SIGKILL')) figures.add('fault kill of the sweeper');
    return Promise.resolve(nothing);
  },
};

/** A task sleeps beyond its leases, and wakes up in the middle of what it did: a zombie. */
function stop(timing: ChaosTiming): Disturbance {
  return {
    kind: 'stop of a task',
    lastsMs: [Math.round(timing.leaseMs * 1.2), timing.leaseMs * 2],
    begin: (scene) => {
      const { product, figures, asleep } = scene;
      const task = victim(scene);
      const pid = task === undefined ? undefined : product.pidOf(task);
      if (task === undefined || pid === undefined || !product.signalPid(pid, 'SIGSTOP')) {
        return Promise.resolve(nothing);
      }
      figures.add('fault stop of a task');
      asleep.add(task);
      return Promise.resolve(() => {
        asleep.delete(task);
        product.signalPid(pid, 'SIGCONT');
        return nothing();
      });
    },
  };
}

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

/** Of the requests; all of them is an outage in another form. */
const SHARES = [0.03, 0.1, 0.3, 1];

function interfere(server: DisturbedServer, kind: Interference): Disturbance {
  return {
    kind: `${server} ${kind}`,
    lastsMs: [1_000, 5_000],
    begin: ({ product, random, figures }) => {
      const share = random.pick(SHARES);
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
    ...times(12, killTask),
    ...times(6, stop(timing)),
    ...times(2, endTask('SIGTERM', 'termination of a task')),
    ...times(2, killSweeper),
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
    killTask,
    interfere('dynamodb', 'lost-answer'),
    stop(timing),
    pspFault('hang'),
    restartPostgres('SIGKILL'),
    interfere('psp', 'lost-answer'),
    killTask,
    interfere('dynamodb', 'error-after'),
  ];
}
