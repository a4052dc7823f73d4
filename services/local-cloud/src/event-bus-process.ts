import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { EventBusDefinition } from './event-bus-definition.ts';
import { EventBusEndpoint } from './event-bus-endpoint.ts';

/**
 * The event bus in a process of its own.
 *
 *     node event-bus-process.ts --definition FILE --port 20002 --sqs-endpoint http://127.0.0.1:20001 --region us-east-1
 */
const { values } = parseArgs({
  options: {
    /** File with the bus and its rules as JSON. */
    definition: { type: 'string' },
    port: { type: 'string' },
    'sqs-endpoint': { type: 'string' },
    region: { type: 'string' },
  },
});
const { definition, port, 'sqs-endpoint': sqsEndpoint, region } = values;
if (definition === undefined || port === undefined || sqsEndpoint === undefined || region === undefined) {
  throw new Error('--definition, --port, --sqs-endpoint and --region are needed');
}

const endpoint = await EventBusEndpoint.start({
  definition: JSON.parse(readFileSync(definition, 'utf8')) as EventBusDefinition,
  sqsEndpoint,
  region,
  port: Number(port),
});

process.once('SIGTERM', () => {
  void endpoint.close().then(() => process.exit(0));
});
process.stdout.write(`listening ${endpoint.url}\n`);
