import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { DatabaseError, Pool, types, type FieldDef } from 'pg';
import { z } from 'zod';

const MAX_BODY_BYTES = 4 * 1_048_576;
/** The service's own bound of an answer: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/data-api.html */
const MAX_RESULT_BYTES = 1_048_576;
const STATEMENT_TIMEOUT_MS = 45_000;
const CONNECTION_TIMEOUT_MS = 2_000;

interface BoundValue {
  readonly value: unknown;
  /** The service binds a value with a type of its own; text that is to be anything else needs a hint or a cast. */
  readonly type: string | undefined;
}

const boundValue = z.union([
  z.strictObject({ isNull: z.literal(true) }).transform(() => bound(null, undefined)),
  z.strictObject({ booleanValue: z.boolean() }).transform((field) => bound(field.booleanValue, 'boolean')),
  z.strictObject({ longValue: z.int() }).transform((field) => bound(field.longValue, 'bigint')),
  z.strictObject({ doubleValue: z.number() }).transform((field) => bound(field.doubleValue, 'float8')),
  z.strictObject({ stringValue: z.string() }).transform((field) => bound(field.stringValue, 'text')),
  z
    .strictObject({ blobValue: z.base64() })
    .transform((field) => bound(Buffer.from(field.blobValue, 'base64'), 'bytea')),
]);

function bound(value: unknown, type: string | undefined): BoundValue {
  return { value, type };
}

const HINTED_TYPES = {
  JSON: 'json',
  UUID: 'uuid',
  TIMESTAMP: 'timestamp',
  DATE: 'date',
  TIME: 'time',
  DECIMAL: 'numeric',
} as const;

const parameterSchema = z.object({
  name: z.string(),
  value: boundValue,
  typeHint: z.enum(Object.keys(HINTED_TYPES) as (keyof typeof HINTED_TYPES)[]).optional(),
});
type Parameter = z.infer<typeof parameterSchema>;

/** What is not taken here is refused, and not ignored. */
const statementSchema = z.strictObject({
  resourceArn: z.string().min(11),
  secretArn: z.string().min(11),
  database: z.string().optional(),
  sql: z.string().max(65_536),
  parameters: z.array(parameterSchema).default([]),
  includeResultMetadata: z.boolean().default(false),
});

type DataApiField =
  | { readonly isNull: true }
  | { readonly booleanValue: boolean }
  | { readonly longValue: number }
  | { readonly doubleValue: number }
  | { readonly stringValue: string }
  | { readonly blobValue: string };

/** An error of the service: its name as the SDK knows it, and its status. */
class DataApiError extends Error {
  override readonly name = 'DataApiError';
  readonly code: string;
  readonly status: number;

  constructor(code: string, status: number, message: string) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/**
 * The RDS Data API's ExecuteStatement over HTTP on the loopback address, for the real SDK client (REST JSON), on a
 * PostgreSQL for each cluster. No transactions and no arrays.
 */
export class RdsDataEndpoint {
  readonly #pools: ReadonlyMap<string, Pool>;
  readonly #server: Server;

  private constructor(databaseUrls: ReadonlyMap<string, string>) {
    this.#pools = new Map(
      [...databaseUrls].map(([clusterArn, connectionString]) => [clusterArn, poolOf(connectionString)]),
    );
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch((error: unknown) => answerError(response, error));
    });
  }

  /** @param databaseUrls by the ARN of the cluster */
  static async start(databaseUrls: ReadonlyMap<string, string>, port = 0): Promise<RdsDataEndpoint> {
    const endpoint = new RdsDataEndpoint(databaseUrls);
    endpoint.#server.listen(port, '127.0.0.1');
    await once(endpoint.#server, 'listening');
    return endpoint;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
    await Promise.all([...this.#pools.values()].map((pool) => pool.end()));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = `${request.method ?? ''} ${request.url ?? ''}`;
    if (path !== 'POST /Execute') throw new DataApiError('NotFoundException', 404, `no ${path} here`);
    const parsed = statementSchema.safeParse(await readJson(request));
    if (!parsed.success) {
      throw new DataApiError('BadRequestException', 400, z.prettifyError(parsed.error));
    }
    answer(response, 200, await this.#execute(parsed.data));
  }

  async #execute(statement: z.infer<typeof statementSchema>): Promise<object> {
    const pool = this.#pools.get(statement.resourceArn);
    if (pool === undefined) {
      throw new DataApiError('BadRequestException', 400, `HttpEndpoint is not enabled for resource`);
    }
    const query = positional(statement.sql, statement.parameters);
    const { rows, fields, rowCount, command } = await pool.query<(string | null)[]>({
      ...query,
      rowMode: 'array',
      types: { getTypeParser: () => (text: unknown) => text },
    });
    const records = rows.map((row) => row.map((value, index) => dataApiField(value, fields[index])));
    const result = {
      numberOfRecordsUpdated: command === 'SELECT' ? 0 : (rowCount ?? 0),
      generatedFields: [],
      ...(fields.length > 0 && { records }),
      ...(statement.includeResultMetadata && {
        columnMetadata: fields.map(({ name }) => ({ name, label: name })),
      }),
    };
    if (JSON.stringify(result).length > MAX_RESULT_BYTES) {
      throw new DataApiError(
        'BadRequestException',
        400,
        'Database returned more than the allowed response size limit',
      );
    }
    return result;
  }
}

function poolOf(connectionString: string): Pool {
  const pool = new Pool({
    connectionString,
    connectionTimeoutMillis: CONNECTION_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS,
  });
  pool.on('error', () => undefined);
  return pool;
}

/** `:name` becomes `$n`; `::` is a cast, and what stands in quotes is text. */
function positional(sql: string, parameters: readonly Parameter[]): { text: string; values: unknown[] } {
  const text = sql.replace(/'(?:[^']|'')*'|::|:([A-Za-z_]\w*)/g, (whole, name: string | undefined) => {
    if (name === undefined) return whole;
    const index = parameters.findIndex((parameter) => parameter.name === name);
    const parameter = parameters[index];
    if (parameter === undefined) {
      throw new DataApiError('BadRequestException', 400, `Cannot find parameter: ${name}`);
    }
    const type = parameter.typeHint === undefined ? parameter.value.type : HINTED_TYPES[parameter.typeHint];
    return `$${index + 1}${type === undefined ? '' : `::${type}`}`;
  });
  return { text, values: parameters.map(({ value }) => value.value) };
}

const { builtins } = types;
const BOOLEAN_TYPES: readonly number[] = [builtins.BOOL];
const LONG_TYPES: readonly number[] = [builtins.INT2, builtins.INT4, builtins.INT8];
const DOUBLE_TYPES: readonly number[] = [builtins.FLOAT4, builtins.FLOAT8];
const BLOB_TYPES: readonly number[] = [builtins.BYTEA];

/** A value of the wire's text format as the Data API gives it: what has no member of its own is text. */
function dataApiField(text: string | null, field: FieldDef | undefined): DataApiField {
  if (text === null || field === undefined) return { isNull: true };
  const type = field.dataTypeID;
  if (BOOLEAN_TYPES.includes(type)) return { booleanValue: text === 't' };
  if (LONG_TYPES.includes(type)) return { longValue: Number(text) };
  if (DOUBLE_TYPES.includes(type)) return { doubleValue: Number(text) };
  if (BLOB_TYPES.includes(type)) return { blobValue: Buffer.from(text.slice(2), 'hex').toString('base64') };
  return { stringValue: text };
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES)
      throw new DataApiError('BadRequestException', 400, 'the request is too large');
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new DataApiError('BadRequestException', 400, 'the request is not JSON');
  }
}

function answerError(response: ServerResponse, error: unknown): void {
  if (error instanceof DataApiError) {
    answer(response, error.status, problem(error.code, error.message));
  } else if (error instanceof DatabaseError) {
    const message = `ERROR: ${error.message}; SQLState: ${error.code ?? ''}`;
    answer(response, 400, problem('DatabaseErrorException', message));
  } else {
    answer(response, 504, problem('DatabaseUnavailableException', String(error)));
  }
}

function problem(code: string, message: string): object {
  return { __type: code, code, message };
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
