import { gatewayEnvironment, readEnvironment } from '#contract/environment';
import { startGateway } from '#gateway/app';

import { withCrashAt, type CrashPoint } from './crash-points.ts';

/** A gateway task as main.ts starts it, that kills itself at CRASH_AT where that is set. Prints its port. */
const crashAt = process.env.CRASH_AT as CrashPoint | undefined;
const gateway = await startGateway({
  environment: readEnvironment(gatewayEnvironment, process.env),
  task: `test-${process.pid}`,
  ...(crashAt === undefined ? {} : { decoratePorts: (ports) => withCrashAt(ports, crashAt) }),
});
process.on('SIGTERM', () => {
  void gateway.stop().then(() => process.exit(0));
});
// Whoever started this has died.
process.stdin.once('end', () => process.exit(1)).resume();
console.log(gateway.port);
