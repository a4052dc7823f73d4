import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as textOf } from 'node:stream/consumers';

import { z } from 'zod';

import { SecretsManagerError, StoredSecrets, type StoredSecretsOptions } from './stored-secrets.ts';

/** https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html */
const MAX_SECRET_BYTES = 65_536;
const MAX_LABELS = 20;

const secretText = z
  .string()
  .min(1)
  .refine(
    (text) => Buffer.byteLength(text) <= MAX_SECRET_BYTES,
    `must have ${MAX_SECRET_BYTES} bytes at most`,
  );
const name = z.string().regex(/^[\w/+=.@-]{1,512}$/);
const secretId = z.string().min(1).max(2_048);
const versionId = z.string().min(32).max(64);
const label = z.string().min(1).max(256);

/** What is not taken here is refused, and not ignored. */
const operations = {
  CreateSecret: z.strictObject({
    Name: name,
    SecretString: secretText,
    ClientRequestToken: versionId.optional(),
    Description: z.string().optional(),
  }),
  GetSecretValue: z.strictObject({
    SecretId: secretId,
    VersionId: versionId.optional(),
    VersionStage: label.optional(),
  }),
  PutSecretValue: z.strictObject({
    SecretId: secretId,
    SecretString: secretText,
    ClientRequestToken: versionId.optional(),
    VersionStages: z.array(label).min(1).max(MAX_LABELS).optional(),
  }),
  UpdateSecretVersionStage: z.strictObject({
    SecretId: secretId,
    VersionStage: label,
    RemoveFromVersionId: versionId.optional(),
    MoveToVersionId: versionId.optional(),
  }),
  DescribeSecret: z.strictObject({ SecretId: secretId }),
} as const;

type Operation = keyof typeof operations;

/** Makes requests fail, so that what runs on when Secrets Manager is away can be seen. */
const failureOrder = z.strictObject({
  /** Every request of this operation; absent: of all of them. */
  operation: z.enum(Object.keys(operations) as [Operation, ...Operation[]]).optional(),
  /** So many fail, then requests are answered again. */
  requests: z.int().nonnegative(),
});

export type SecretsFailureOrder = z.infer<typeof failureOrder>;

export interface SecretsManagerEndpointOptions extends StoredSecretsOptions {
  /** 0: any free port. */
  readonly port: number;
}

/**
 * The part of AWS Secrets Manager that the product and its operators use, over HTTP on the loopback address, for the
 * real SDK client and the AWS CLI (AWS JSON 1.1). Secrets are kept as plain text: they are of the local run only.
 *
 * A test orders failures by `failNext`, from another process by `POST /control/fail-next {"requests": 2}`.
 */
export class SecretsManagerEndpoint {
  /** Requests that were answered or failed, by their operation. */
  readonly requests = new Map<string, number>();
  readonly #secrets: StoredSecrets;
  readonly #server: Server;
  #ordered: SecretsFailureOrder = { requests: 0 };

  private constructor(options: SecretsManagerEndpointOptions) {
    this.#secrets = new StoredSecrets(options);
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch((error: unknown) => {
        answer(response, 500, { __type: 'InternalServiceError', Message: String(error) });
      });
    });
  }

  static async start(options: SecretsManagerEndpointOptions): Promise<SecretsManagerEndpoint> {
    const endpoint = new SecretsManagerEndpoint(options);
    endpoint.#server.listen({ host: '127.0.0.1', port: options.port });
    await once(endpoint.#server, 'listening');
    return endpoint;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  failNext(order: SecretsFailureOrder): void {
    this.#ordered = { ...order };
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = await textOf(request);
    if (request.method === 'POST' && request.url === '/control/fail-next') {
      this.failNext(failureOrder.parse(JSON.parse(text)));
      answer(response, 200, {});
      return;
    }
    const operation = String(request.headers['x-amz-target']).replace(/^secretsmanager\./, '');
    this.requests.set(operation, (this.requests.get(operation) ?? 0) + 1);
    if (this.#failsByOrder(operation)) {
      answer(response, 500, { __type: 'InternalServiceError', Message: 'Failed by order of a test.' });
      return;
    }
    try {
      answer(response, 200, this.#answerTo(operation, JSON.parse(text)));
    } catch (error) {
      if (!(error instanceof SecretsManagerError)) throw error;
      answer(response, 400, { __type: error.code, Message: error.message });
    }
  }

  #failsByOrder(asked: string): boolean {
    const { operation, requests } = this.#ordered;
    if (requests === 0 || (operation !== undefined && operation !== asked)) return false;
    this.#ordered = { ...this.#ordered, requests: requests - 1 };
    return true;
  }

  #answerTo(operation: string, body: unknown): object {
    switch (operation) {
      case 'CreateSecret':
        return this.#create(readAs('CreateSecret', body));
      case 'GetSecretValue':
        return this.#get(readAs('GetSecretValue', body));
      case 'PutSecretValue':
        return this.#put(readAs('PutSecretValue', body));
      case 'UpdateSecretVersionStage':
        return this.#moveLabel(readAs('UpdateSecretVersionStage', body));
      case 'DescribeSecret':
        return this.#describe(readAs('DescribeSecret', body));
      default:
        throw new SecretsManagerError('UnknownOperationException', `${operation} is not served.`);
    }
  }

  #create({ Name, SecretString, ClientRequestToken }: Request<'CreateSecret'>): object {
    const [{ arn }, version] = this.#secrets.create(Name, SecretString, ClientRequestToken);
    return { ARN: arn, Name, VersionId: version.versionId };
  }

  #get({ SecretId, VersionId, VersionStage }: Request<'GetSecretValue'>): object {
    const stored = this.#secrets.find(SecretId);
    const version = this.#secrets.version(stored, VersionId, VersionStage);
    return {
      ...{ ARN: stored.arn, Name: stored.name, VersionId: version.versionId, SecretString: version.text },
      ...{ VersionStages: version.labels, CreatedDate: version.createdAtEpochSeconds },
    };
  }

  #put({ SecretId, SecretString, VersionStages, ClientRequestToken }: Request<'PutSecretValue'>): object {
    const stored = this.#secrets.find(SecretId);
    const version = this.#secrets.put(stored, SecretString, VersionStages, ClientRequestToken);
    const { versionId: VersionId, labels } = version;
    return { ARN: stored.arn, Name: stored.name, VersionId, VersionStages: labels };
  }

  #moveLabel(request: Request<'UpdateSecretVersionStage'>): object {
    const stored = this.#secrets.find(request.SecretId);
    const { VersionStage, RemoveFromVersionId, MoveToVersionId } = request;
    this.#secrets.moveLabel(stored, VersionStage, RemoveFromVersionId, MoveToVersionId);
    return { ARN: stored.arn, Name: stored.name };
  }

  #describe({ SecretId }: Request<'DescribeSecret'>): object {
    const { arn, name: Name, versions } = this.#secrets.find(SecretId);
    const labelled = versions.filter(({ labels }) => labels.length > 0);
    const VersionIdsToStages = Object.fromEntries(
      labelled.map((version) => [version.versionId, version.labels]),
    );
    return { ARN: arn, Name, VersionIdsToStages };
  }
}

type Request<Name extends Operation> = z.infer<(typeof operations)[Name]>;

/** @throws SecretsManagerError */
function readAs<Name extends Operation>(operation: Name, body: unknown): Request<Name> {
  const result = operations[operation].safeParse(body);
  if (result.success) return result.data as Request<Name>;
  const problems = result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new SecretsManagerError('InvalidParameterException', problems.join('; '));
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, {
    'content-type': 'application/x-amz-json-1.1',
    'x-amzn-requestid': randomUUID(),
  });
  response.end(JSON.stringify(body));
}
