import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createTlsServer } from 'node:https';
import { connect as connectTcp, type AddressInfo } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { EnvironmentError, gatewayEnvironment, readEnvironment } from '#contract/environment';
import { startHttpServer, type HttpServer } from '#gateway/http/http-server';
import { PendingHandshakes } from '#gateway/http/pending-handshakes';
import { selfSignedCertificate } from '#gateway/http/self-signed-certificate';
import { SystemRandom } from '#gateway/platform/system-random';

import { eventually } from '../../support/eventually.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';
import { RawExchange } from './raw-exchange.ts';

const NAME = 'task-1.gateway';
const NOW_EPOCH_MS = Date.now();

async function connectTls(port: number, ca: string): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', servername: NAME, ca });
  await once(socket, 'secureConnect');
  return socket;
}

describe('a certificate that signs itself', () => {
  const { cert, key } = selfSignedCertificate({ name: NAME, nowEpochMs: NOW_EPOCH_MS });
  const certificate = new X509Certificate(cert);

  it('holds for its name and its key, for a year and more', () => {
    expect(certificate.checkHost(NAME)).toBe(NAME);
    expect(certificate.issuer).toBe(certificate.subject);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.ca).toBe(false);
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
    expect(certificate.validFromDate.getTime()).toBeLessThan(NOW_EPOCH_MS);
    expect(certificate.validToDate.getTime()).toBeGreaterThan(NOW_EPOCH_MS + 396 * 86_400_000);
    expect(key).toContain('BEGIN PRIVATE KEY');
  });

  it('is another one each time', () => {
    const other = new X509Certificate(selfSignedCertificate({ name: NAME, nowEpochMs: NOW_EPOCH_MS }).cert);
    expect(other.serialNumber).not.toBe(certificate.serialNumber);
    expect(other.fingerprint256).not.toBe(certificate.fingerprint256);
  });

  it('is well-formed also where it ends after 2049', () => {
    const late = selfSignedCertificate({ name: NAME, nowEpochMs: Date.UTC(2049, 5, 1) });
    expect(new X509Certificate(late.cert).validToDate.getUTCFullYear()).toBe(2050);
  });
});

describe('the HTTPS server', () => {
  const tls = selfSignedCertificate({ name: NAME, nowEpochMs: NOW_EPOCH_MS });
  const logger = new RecordingLogger();
  let server: HttpServer;
  const start = () =>
    startHttpServer((_req, res) => res.end('served'), {
      host: '127.0.0.1',
      port: 0,
      tls,
      random: new SystemRandom(),
      logger,
    });
  beforeAll(async () => (server = await start()));
  afterAll(() => server.stop(1_000));

  it('serves a client that checks the certificate', async () => {
    const socket = await connectTls(server.port, tls.cert);
    expect(socket.getProtocol()).toBe('TLSv1.3');
    socket.end('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    const chunks = (await socket.toArray()) as Buffer[];
    expect(Buffer.concat(chunks).toString()).toMatch(/^HTTP\/1.1 200 OK[\s\S]*served/);
  });

  it('answers what is not HTTP with a problem, inside TLS', async () => {
    const socket = await connectTls(server.port, tls.cert);
    socket.write('GET / HTTP/1.1\r\nBad Header\r\n\r\n');
    const chunks = (await socket.toArray()) as Buffer[];
    expect(Buffer.concat(chunks).toString()).toMatch(/^HTTP\/1.1 400 [\s\S]*#invalid-request/);
  });

  it('has no answer in plain text', async () => {
    const exchange = await RawExchange.open(server.port);
    exchange.send('GET / HTTP/1.1', 'Host: localhost', '', '');
    expect(await exchange.untilClosed()).not.toContain('HTTP/1.1');
    expect(logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('takes TLS 1.2 at least', async () => {
    const socket = connect({ port: server.port, ca: tls.cert, servername: NAME, maxVersion: 'TLSv1.1' });
    await expect(once(socket, 'secureConnect')).rejects.toThrow();
  });

  it('stops at once although a handshake was begun and never goes on', async () => {
    const other = await start();
    const silent = await RawExchange.open(other.port);
    const idle = await connectTls(other.port, tls.cert);
    const startedMs = performance.now();
    expect(await other.stop(30_000)).toBe(0);
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    await silent.untilClosed();
    await eventually('the idle connection is closed', () => idle.closed);
  });
});

describe('the handshakes that a server waits for', () => {
  it('are forgotten when they succeed, fail or are given up', async () => {
    const tls = selfSignedCertificate({ name: NAME, nowEpochMs: NOW_EPOCH_MS });
    const server = createTlsServer(tls).listen(0, '127.0.0.1');
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    const handshakes = new PendingHandshakes(server);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;

    const given = connectTcp(port, '127.0.0.1');
    await eventually('it is pending', () => handshakes.count === 1);
    given.destroy();
    const failed = connectTcp(port, '127.0.0.1').on('error', () => undefined);
    failed.write('not TLS at all\r\n\r\n');
    await once(failed, 'close');
    const secure = await connectTls(port, tls.cert);
    await eventually('none is pending', () => handshakes.count === 0);

    secure.destroy();
    server.close();
  });
});

describe('a gateway in production', () => {
  const environment = {
    NODE_ENV: 'production',
    AWS_REGION: 'us-east-1',
    PORT: '8443',
    CHECKPOINTS_TABLE: 'checkpoints',
    LEDGER_TABLE: 'ledger',
    TENANTS_TABLE: 'tenants',
    WEBHOOK_EVENTS_TABLE: 'webhook-events',
    EVENT_BUS_NAME: 'payments',
    RECOVERY_QUEUE_URL: 'https://sqs.us-east-1.amazonaws.com/000000000000/recovery',
    DATABASE_URLS: 'postgres://gateway@localhost/charge_once',
    TOKEN_KEY_ARN: 'arn:aws:kms:us-east-1:000000000000:key/mrk-1',
    PSP_ACCOUNTS: 'stripe/default',
    PSP_SECRET_PREFIX: 'charge-once/test/psp',
  };

  it('does not start where HTTPS is turned off', () => {
    const read = () => readEnvironment(gatewayEnvironment, { ...environment, SERVE_TLS: 'false' });
    expect(read).toThrow(EnvironmentError);
    expect(read).toThrow('SERVE_TLS: must not be off in production');
  });

  it('leaves the choice to other stages', () => {
    const read = (serveTls: string) =>
      readEnvironment(gatewayEnvironment, { ...environment, NODE_ENV: 'test', SERVE_TLS: serveTls })
        .SERVE_TLS;
    expect([read('true'), read('false')]).toEqual([true, false]);
  });
});
