import { type AddressInfo, Server } from 'node:net';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { parseArgs } from 'node:util';
import { startFauxqs } from 'fauxqs';

/**
 * SQS and S3 in a process of their own, so that the emulator can be killed and restarted like any other part.
 *
 *     node queue-emulator-process.ts --port 20001 [--data-dir FOLDER]
 */
const LOOPBACK = '127.0.0.1';

/**
 * `startFauxqs` always listens on 0.0.0.0, and the pieces that it is made of (its persistence above all) are not
 * exported, so the app cannot be put together here. This process holds no other server: whatever listens in it listens
 * on the loopback address instead, and `assertLoopback` proves it.
 */
function listenOnLoopbackOnly(): void {
  // Called with the server as `this` below.
  // eslint-disable-next-line @typescript-eslint/unbound-method
  const listen = Server.prototype.listen as (this: Server, ...parameters: unknown[]) => Server;
  Server.prototype.listen = function listenOnLoopback(this: Server, ...parameters: unknown[]): Server {
    const [options, ...rest] = parameters;
    if (typeof options !== 'object' || options === null)
      throw new Error('listen() takes its options as an object');
    this.once('listening', () => assertLoopback(this));
    return listen.call(this, { ...options, host: LOOPBACK }, ...rest);
  };
}

function assertLoopback(server: Server): void {
  const { address } = server.address() as AddressInfo;
  if (address !== LOOPBACK) throw new Error(`The queue emulator listens on ${address}`);
}

/**
 * fauxqs 2.4.1 writes NULL into a column that forbids it when a message with storage on disk gets a visibility timeout
 * of 0, and loses the message. The statement keeps the count of receives instead; test/local-cloud holds it to that.
 */
function keepMessagesThatAreGivenBack(): void {
  // Called with the database as `this` below.
  // eslint-disable-next-line @typescript-eslint/unbound-method
  const { prepare } = DatabaseSync.prototype;
  DatabaseSync.prototype.prepare = function prepareCorrected(this: DatabaseSync, sql: string): StatementSync {
    const corrected = sql.includes('UPDATE sqs_messages')
      ? sql.replace(
          'approximate_receive_count = ?',
          'approximate_receive_count = COALESCE(?, approximate_receive_count)',
        )
      : sql;
    return prepare.call(this, corrected);
  };
}

const { values } = parseArgs({ options: { port: { type: 'string' }, 'data-dir': { type: 'string' } } });
if (values.port === undefined) throw new Error('--port is missing');

listenOnLoopbackOnly();
keepMessagesThatAreGivenBack();
const server = await startFauxqs({
  port: Number(values.port),
  logger: false,
  defaultRegion: 'us-east-1',
  ...(values['data-dir'] === undefined ? {} : { dataDir: values['data-dir'] }),
});

process.once('SIGTERM', () => {
  void server.stop().then(() => process.exit(0));
});
process.stdout.write(`listening http://${LOOPBACK}:${server.port}\n`);
