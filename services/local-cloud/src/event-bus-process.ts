import { parseArgs } from 'node:util';
import { EventBusEndpoint } from './event-bus-endpoint.ts';
import { LOCAL_RESOURCES } from './local-resources.ts';

/**
 * The event bus in a process of its own.
 *
 *     node event-bus-process.ts --port 20002 --sqs-endpoint http://127.0.0.1:20001 --region us-east-1
 */
const { values } = parseArgs({
  options: { port: { type: 'string' }, 'sqs-endpoint': { type: 'string' }, region: { type: 'string' } },
});
const { port, 'sqs-endpoint': sqsEndpoint, region } = values;
if (port === undefined || sqsEndpoint === undefined || region === undefined) {
  throw new Error('--port, --sqs-endpoint and --region are needed');
}

const endpoint = await EventBusEndpoint.start({
  definition: LOCAL_RESOURCES.eventBus,
  sqsEndpoint,
  region,
  port: Number(port),
});

process.once('SIGTERM', () => {
  void endpoint.close().then(() => process.exit(0));
});
process.stdout.write(`listening ${endpoint.url}\n`);
