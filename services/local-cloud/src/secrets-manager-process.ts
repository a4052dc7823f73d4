import { parseArgs } from 'node:util';
import { SecretsManagerEndpoint } from './secrets-manager-endpoint.ts';

/**
 * Secrets Manager in a process of its own.
 *
 *     node secrets-manager-process.ts --port 20003 --region us-east-1 --data-file FILE
 */
const { values } = parseArgs({
  options: {
    port: { type: 'string' },
    region: { type: 'string' },
    /** Where the secrets are kept; absent: in memory. */
    'data-file': { type: 'string' },
  },
});
const { port, region, 'data-file': dataFile } = values;
if (port === undefined || region === undefined) throw new Error('--port and --region are needed');

const endpoint = await SecretsManagerEndpoint.start({ port: Number(port), region, dataFile });

process.once('SIGTERM', () => {
  void endpoint.close().then(() => process.exit(0));
});
process.stdout.write(`listening ${endpoint.url}\n`);
