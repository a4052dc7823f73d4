import {
  CAPACITY_USAGE,
  CapacityArgumentError,
  capacityArguments,
} from '../lib/capacity/capacity-arguments.ts';
import { capacityTarget } from '../lib/capacity/capacity-target.ts';
import { formatCapacity } from '../lib/capacity/format-capacity.ts';
import { planCapacity } from '../lib/capacity/plan-capacity.ts';
import { prodStage } from '../lib/config/stages.ts';

/** `npm run capacity -- --rate 50000`: what to provide and to ask for before go-live, and what it costs. */
const WRONG_ARGUMENTS = 2;

try {
  const target = capacityTarget(capacityArguments(process.argv.slice(2)), prodSizes());
  process.stdout.write(formatCapacity(target, planCapacity(target)));
} catch (error) {
  if (!(error instanceof CapacityArgumentError)) throw error;
  process.stderr.write(`capacity: ${error.message}\n${CAPACITY_USAGE}\n`);
  process.exitCode = WRONG_ARGUMENTS;
}

/** The sizes do not depend on who owns the stage. */
function prodSizes() {
  return prodStage({
    account: undefined,
    domainName: 'example.com',
    hostedZoneId: 'Z00000000000EXAMPLE',
    hostedZoneName: 'example.com',
    alarmEmail: undefined,
  });
}
