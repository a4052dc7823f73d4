import { hostname } from 'node:os';

import { gatewayEnvironment, readEnvironment } from '#contract/environment';

import { startGateway } from './app.ts';

/** The gateway task: reads its environment, listens, and stops gracefully on SIGTERM. */
const environment = readEnvironment(gatewayEnvironment, process.env);
const gateway = await startGateway({ environment, task: `${hostname()}-${process.pid}` });
const { logger } = gateway;

let stopping = false;
async function stop(signal: string): Promise<void> {
  if (stopping) return;
  stopping = true;
  logger.info({ signal }, 'stopping');
  try {
    await gateway.stop();
    logger.info({}, 'stopped');
    process.exit(0);
  } catch (error) {
    logger.error({ err: error }, 'could not stop cleanly');
    process.exit(1);
  }
}

process.on('SIGTERM', () => void stop('SIGTERM'));
process.on('SIGINT', () => void stop('SIGINT'));
process.on('unhandledRejection', (error) => {
  // Every promise of ours is awaited or caught: what comes here is a defect, and no reason to drop other charges.
  logger.error({ err: error }, 'unhandled rejection');
});
process.on('uncaughtException', (error) => {
  // The state of this process is unknown: others take its charges over when their leases run out.
  logger.error({ err: error }, 'uncaught exception');
  process.exit(1);
});

logger.info({ port: gateway.port, pid: process.pid }, 'listening');
