import { describe, expect, it } from '@jest/globals';

import {
  auditArchiverEnvironment,
  consumerEnvironment,
  EnvironmentError,
  gatewayEnvironment,
  migrationCommandEnvironment,
  migrationEnvironment,
  readEnvironment,
  sweeperEnvironment,
} from '#contract/environment';

const QUEUE = 'https://sqs.us-east-1.amazonaws.com/000000000000/queue';
const shared = { NODE_ENV: 'production', AWS_REGION: 'us-east-1' };
const PROCESSES = {
  gateway: {
    schema: gatewayEnvironment,
    values: {
      ...shared,
      PORT: '8443',
      CHECKPOINTS_TABLE: 'checkpoints',
      LEDGER_TABLE: 'ledger',
      TENANTS_TABLE: 'tenants',
      WEBHOOK_EVENTS_TABLE: 'webhook-events',
      EVENT_BUS_NAME: 'payments',
      RECOVERY_QUEUE_URL: QUEUE,
      DATABASE_URLS: 'postgres://gateway@db.example.com/charge_once',
      TOKEN_KEY_ARN: 'arn:aws:kms:us-east-1:000000000000:key/mrk-1',
      PSP_ACCOUNTS: 'stripe/default',
      PSP_SECRET_PREFIX: 'charge-once/test/psp',
    },
  },
  sweeper: {
    schema: sweeperEnvironment,
    values: {
      ...shared,
      RECOVERY_QUEUE_URL: QUEUE,
      DATABASE_CLUSTER_ARNS: 'arn:aws:rds:us-east-1:000000000000:cluster:shard-0',
      DATABASE_SECRET_ARNS: 'arn:aws:secretsmanager:us-east-1:000000000000:secret:shard-0',
      DATABASE_NAME: 'charge_once',
    },
  },
  consumer: {
    schema: consumerEnvironment,
    values: { ...shared, CONSUMER: 'order', CONSUMER_QUEUE_URL: QUEUE, CONSUMERS_TABLE: 'consumers' },
  },
  'audit archiver': { schema: auditArchiverEnvironment, values: { ...shared, AUDIT_BUCKET: 'audit' } },
  migrations: {
    schema: migrationEnvironment,
    values: {
      ...shared,
      DATABASE_URLS: 'postgres://owner@db.example.com/charge_once',
      DATABASE_SECRET_ARNS: 'arn:aws:secretsmanager:us-east-1:000000000000:secret:owner',
    },
  },
} as const;

const read = (process: keyof typeof PROCESSES, more: Record<string, string> = {}) => {
  const { schema, values } = PROCESSES[process];
  return readEnvironment<typeof schema>(schema, { ...values, ...more });
};

const HTTPS = 'must be https in production';
const VERIFY_FULL = 'must ask for no other sslmode than verify-full';
const REFUSED: readonly (readonly [keyof typeof PROCESSES, string, string, string])[] = [
  ['gateway', 'AWS_ENDPOINT_URL', 'http://localhost:4566', HTTPS],
  ['gateway', 'AWS_ENDPOINT_URL_DYNAMODB', 'http://127.0.0.1:8000', HTTPS],
  ['gateway', 'STRIPE_API_BASE', 'http://stripe.example.com', HTTPS],
  ['gateway', 'STRIPE_API_BASE', 'HTTP://stripe.example.com', HTTPS],
  ['gateway', 'RECOVERY_QUEUE_URL', QUEUE.replace('https', 'http'), HTTPS],
  ['gateway', 'OTEL_EXPORTER_OTLP_ENDPOINT', 'http://collector.example.com:4318', HTTPS],
  ['gateway', 'DATABASE_URLS', 'postgres://gateway@db.example.com/charge_once?sslmode=disable', VERIFY_FULL],
  [
    'gateway',
    'DATABASE_URLS',
    'postgres://g@a.example.com/c?sslmode=verify-full,postgres://g@b.example.com/c?sslmode=no-verify',
    VERIFY_FULL,
  ],
  ['gateway', 'DATABASE_URLS', 'postgres://gateway@db.example.com/charge_once?ssl=0', VERIFY_FULL],
  ['gateway', 'NODE_TLS_REJECT_UNAUTHORIZED', '0', 'must not be off in production'],
  ['sweeper', 'AWS_ENDPOINT_URL_RDS_DATA', 'http://localhost:4566', HTTPS],
  ['sweeper', 'RECOVERY_QUEUE_URL', QUEUE.replace('https', 'http'), HTTPS],
  ['sweeper', 'NODE_TLS_REJECT_UNAUTHORIZED', '0', 'must not be off in production'],
  ['consumer', 'CONSUMER_QUEUE_URL', QUEUE.replace('https', 'http'), HTTPS],
  ['consumer', 'AWS_ENDPOINT_URL_SQS', 'http://localhost:4566', HTTPS],
  ['audit archiver', 'AWS_ENDPOINT_URL_S3', 'http://localhost:4566', HTTPS],
  ['audit archiver', 'NODE_TLS_REJECT_UNAUTHORIZED', '0', 'must not be off in production'],
  ['migrations', 'DATABASE_URLS', 'postgres://owner@db.example.com/charge_once?sslmode=require', VERIFY_FULL],
];

describe('a process in production', () => {
  it.each(Object.keys(PROCESSES) as (keyof typeof PROCESSES)[])(
    'starts, as the %s is deployed',
    (process) => {
      expect(read(process)).toMatchObject({ NODE_ENV: 'production' });
    },
  );

  it.each(REFUSED)('does not start as the %s with %s=%s', (process, name, value, message) => {
    expect(() => read(process, { [name]: value })).toThrow(EnvironmentError);
    expect(() => read(process, { [name]: value })).toThrow(`${name}: ${message}`);
  });

  it('names all that is wrong at once, and none of the values', () => {
    const more = { PORT: 'eighty', STRIPE_API_BASE: 'http://key@stripe.example.com', LEASE_MS: '-1' };
    const message = (() => {
      try {
        read('gateway', more);
      } catch (error) {
        return String(error);
      }
      return '';
    })();
    for (const name of Object.keys(more)) expect(message).toContain(`${name}: `);
    for (const value of Object.values(more)) expect(message).not.toContain(value);
  });

  it('may hand its traces to a collector of the same task in plain text, and to others over TLS', () => {
    for (const endpoint of ['http://127.0.0.1:4318', 'http://[::1]:4318', 'https://collector.example.com']) {
      expect(read('gateway', { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint })).toBeDefined();
    }
  });

  it('may use an endpoint of its own over TLS', () => {
    expect(
      read('gateway', { AWS_ENDPOINT_URL_SQS: 'https://vpce-1.sqs.us-east-1.vpce.amazonaws.com' }),
    ).toBeDefined();
  });
});

describe('a process of another stage', () => {
  it('may speak plain text to the emulators on its machine', () => {
    const more = {
      NODE_ENV: 'development',
      AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:8000',
      STRIPE_API_BASE: 'http://127.0.0.1:9000',
      DATABASE_URLS: 'postgres://u:p@127.0.0.1/charge_once?sslmode=disable',
    };
    expect(read('gateway', more)).toMatchObject({ NODE_ENV: 'development' });
  });
});

describe('the command that migrates', () => {
  const databaseUrls = (urls: string) =>
    readEnvironment(migrationCommandEnvironment, { DATABASE_URLS: urls }).DATABASE_URLS;

  it('verifies a database on another machine, also where the URL does not say so', () => {
    expect(databaseUrls('postgres://o:p@db.example.com/charge_once')).toEqual([
      'postgres://o:p@db.example.com/charge_once?sslmode=verify-full',
    ]);
  });

  it('leaves a database on this machine as it is', () => {
    expect(databaseUrls('postgres://o:p@localhost:5432/c, postgres://o:p@127.0.0.1/c')).toEqual([
      'postgres://o:p@localhost:5432/c',
      'postgres://o:p@127.0.0.1/c',
    ]);
  });

  it('refuses to leave a database on another machine unverified', () => {
    expect(() =>
      databaseUrls('postgres://o:p@localhost/c,postgres://o:p@db.example.com/c?sslmode=disable'),
    ).toThrow(
      'DATABASE_URLS: must ask for no other sslmode than verify-full of a database on another machine',
    );
  });
});
