import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export const TEST_KEY_ARN = 'arn:aws:kms:us-east-1:000000000000:key/mrk-00000000000000000000000000000001';

interface KmsRequest {
  readonly KeyId?: string;
  readonly NumberOfBytes?: number;
  readonly CiphertextBlob?: string;
  readonly EncryptionContext?: Readonly<Record<string, string>>;
}

/** The part of KMS that sealing uses, on its wire protocol (AWS JSON 1.1): what the real SDK talks to in tests. */
export class KmsEndpoint {
  /** Calls by their name. */
  readonly calls = new Map<string, number>();
  /** Answers every call with this error, where it is set. */
  failure: { readonly status: number; readonly name: string } | undefined;
  readonly url: string;
  readonly #server: Server;
  readonly #key: Buffer;

  private constructor(server: Server, url: string, key: Buffer) {
    this.#server = server;
    this.url = url;
    this.#key = key;
  }

  static async start(tls?: { readonly key: string; readonly cert: string }): Promise<KmsEndpoint> {
    const listener: RequestListener = (req, res) => {
      void (async () => {
        const operation = String(req.headers['x-amz-target']).replace(/^TrentService\./, '');
        const { status, body } = endpoint.#answer(operation, JSON.parse(await text(req)) as KmsRequest);
        res.writeHead(status, { 'Content-Type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body));
      })();
    };
    const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const scheme = tls === undefined ? 'http' : 'https';
    const endpoint = new KmsEndpoint(server, `${scheme}://localhost:${port}`, randomBytes(32));
    return endpoint;
  }

  get callCount(): number {
    return [...this.calls.values()].reduce((sum, count) => sum + count, 0);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #answer(operation: string, request: KmsRequest): { status: number; body: object } {
    this.calls.set(operation, (this.calls.get(operation) ?? 0) + 1);
    if (this.failure !== undefined)
      return { status: this.failure.status, body: { __type: this.failure.name } };
    switch (operation) {
      case 'GenerateDataKey': {
        const plaintext = randomBytes(request.NumberOfBytes ?? 32);
        const ciphertext = this.#wrap(plaintext, request.EncryptionContext);
        const body = {
          // Every region's share of a multi-region key has the same material.
          KeyId: request.KeyId,
          Plaintext: plaintext.toString('base64'),
          CiphertextBlob: ciphertext.toString('base64'),
        };
        return { status: 200, body };
      }
      case 'Decrypt': {
        const plaintext = this.#unwrap(
          Buffer.from(request.CiphertextBlob ?? '', 'base64'),
          request.EncryptionContext,
        );
        if (plaintext === undefined) return { status: 400, body: { __type: 'InvalidCiphertextException' } };
        return { status: 200, body: { KeyId: request.KeyId, Plaintext: plaintext.toString('base64') } };
      }
      default:
        return { status: 400, body: { __type: 'UnsupportedOperationException' } };
    }
  }

  #wrap(plaintext: Buffer, context: KmsRequest['EncryptionContext']): Buffer {
    const iv = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.#key, iv).setAAD(additionalData(context));
    return Buffer.concat([iv, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  }

  #unwrap(ciphertext: Buffer, context: KmsRequest['EncryptionContext']): Buffer | undefined {
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.#key, ciphertext.subarray(0, 12));
      decipher.setAAD(additionalData(context)).setAuthTag(ciphertext.subarray(-16));
      return Buffer.concat([decipher.update(ciphertext.subarray(12, -16)), decipher.final()]);
    } catch {
      return undefined;
    }
  }
}

function additionalData(context: KmsRequest['EncryptionContext'] = {}): Buffer {
  const sorted = Object.entries(context).sort(([one], [other]) => (one < other ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(sorted)).digest();
}
