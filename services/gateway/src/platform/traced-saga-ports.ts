import type { SagaPorts } from '../saga/saga-ports.ts';
import { NO_TRACING } from './no-tracing.ts';
import { tracedPort } from './traced-port.ts';

/** The ports of the saga, each call of a store a span. */
export function tracedSagaPorts(ports: SagaPorts): SagaPorts {
  const { tracing } = ports;
  if (tracing === NO_TRACING) return ports;
  return {
    ...ports,
    keyStore: tracedPort(
      ports.keyStore,
      'key-store',
      ['acquire', 'raiseEpoch', 'complete', 'release', 'free', 'peek'],
      tracing,
    ),
    checkpoints: tracedPort(
      ports.checkpoints,
      'checkpoints',
      ['read', 'launch', 'advance', 'fence', 'refill'],
      tracing,
    ),
    ledger: tracedPort(ports.ledger, 'ledger', ['append', 'read'], tracing),
    events: tracedPort(ports.events, 'events', ['publish'], tracing),
    tickets: tracedPort(ports.tickets, 'tickets', ['send'], tracing),
  };
}
