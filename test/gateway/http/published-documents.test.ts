import { readFile } from 'node:fs/promises';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { z } from 'zod';

import { PROBLEMS, problemType, type ProblemSlug } from '#contract/problem-types';
import { chargeRequestSchema } from '#gateway/http/charge-request-schema';
import {
  chargeSchema,
  chargeWithTimelineSchema,
  declinedSchema,
  fieldProblemSchema,
  problemSchema,
  voidedSchema,
} from '#gateway/http/response-schemas';

import { ApiUnderTest } from './api-under-test.ts';

const SLUGS = Object.keys(PROBLEMS) as ProblemSlug[];

interface MediaType {
  readonly schema?: unknown;
  readonly examples?: Record<string, { readonly value: unknown }>;
}

interface Operation {
  readonly operationId: string;
  readonly security?: readonly unknown[];
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
  }[];
  readonly requestBody?: { readonly content: Record<string, MediaType> };
  readonly responses: Record<
    string,
    {
      readonly description: string;
      readonly headers?: Record<string, unknown>;
      readonly content?: Record<string, MediaType>;
    }
  >;
}

interface OpenApi {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, Record<string, unknown>> };
}

describe('GET /openapi.json', () => {
  let api: ApiUnderTest;
  let document: OpenApi;
  beforeAll(async () => {
    api = await ApiUnderTest.start();
    const response = await api.get('/openapi.json', {});
    expect(response.headers.get('content-type')).toBe('application/json');
    document = (await response.json()) as OpenApi;
  });
  afterAll(() => api.stop());

  const operation = (path: string, method: string): Operation => {
    const found = document.paths[path]?.[method];
    if (found === undefined) throw new Error(`${method} ${path} is not described`);
    return found;
  };

  it('is an OpenAPI 3.1 document that describes every path of the API', () => {
    expect(document.openapi).toMatch(/^3\.1\./);
    expect(Object.keys(document.paths).sort()).toEqual([
      '/docs/errors',
      '/livez',
      '/openapi.json',
      '/readyz',
      '/v1/charges',
      '/v1/charges/{id}',
      '/v1/webhooks/braintree',
      '/v1/webhooks/stripe',
    ]);
    const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
    for (const { responses } of operations) {
      for (const response of Object.values(responses)) {
        expect(response.description).not.toBe('');
        expect(Object.keys(response.headers ?? {})).toContain('X-Request-Id');
      }
    }
  });

  it('refers to nothing that it does not hold', () => {
    const references = JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g);
    const names = [...references].map(([, reference]) => reference?.replace('#/components/schemas/', ''));
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) expect(Object.keys(document.components.schemas)).toContain(name);
  });

  it('describes every status of the contract, with the headers that each carries', () => {
    const { responses } = operation('/v1/charges', 'post');
    expect(Object.keys(responses).map(Number)).toEqual([
      201, 202, 400, 401, 402, 408, 409, 413, 415, 422, 500, 503, 504,
    ]);
    const headersOf = (status: number) => Object.keys(responses[status]?.headers ?? {});
    expect(headersOf(201)).toEqual(
      expect.arrayContaining(['Location', 'Idempotent-Replayed', 'Idempotency-Key']),
    );
    expect(headersOf(202)).toEqual(expect.arrayContaining(['Location', 'Retry-After', 'Idempotency-Key']));
    expect(headersOf(401)).toContain('WWW-Authenticate');
    expect(headersOf(402)).toContain('Idempotent-Replayed');
    for (const status of [409, 503, 504]) expect(headersOf(status)).toContain('Retry-After');
    expect(Object.keys(operation('/v1/charges/{id}', 'get').responses).map(Number)).toEqual([
      200, 400, 401, 404, 500, 503,
    ]);
  });

  it('says what a charge needs, and that nothing else is taken', () => {
    const { parameters, requestBody } = operation('/v1/charges', 'post');
    expect(parameters).toContainEqual(
      expect.objectContaining({ name: 'Idempotency-Key', in: 'header', required: true }),
    );
    expect(requestBody?.content['application/json']?.schema).toEqual({
      $ref: '#/components/schemas/ChargeRequest',
    });
    const request = document.components.schemas.ChargeRequest;
    expect(request).toMatchObject({
      type: 'object',
      additionalProperties: false,
      required: ['amount', 'currency', 'payment_method'],
      properties: {
        amount: { type: 'integer', minimum: 1, maximum: 99_999_999 },
        metadata: { maxProperties: 40 },
        reference: { maxLength: 255 },
      },
    });
  });

  it('asks for an API key everywhere but for health, documentation and what a PSP signs', () => {
    const open = Object.entries(document.paths)
      .filter(([, path]) => Object.values(path).every(({ security }) => security?.length === 0))
      .map(([path]) => path);
    expect(open.sort()).toEqual([
      '/docs/errors',
      '/livez',
      '/openapi.json',
      '/readyz',
      '/v1/webhooks/braintree',
      '/v1/webhooks/stripe',
    ]);
  });

  it('gives only examples that its schemas accept', () => {
    const schemas: Record<string, z.ZodType> = {
      charge: chargeRequestSchema,
      settled: chargeSchema,
      processing: chargeSchema,
      declined: declinedSchema,
      voided: voidedSchema,
    };
    const schemaOf = (name: string, path: string): z.ZodType => {
      if (path === '/v1/charges/{id}' && name === 'settled') return chargeWithTimelineSchema;
      const slug = SLUGS.find((candidate) => candidate === name);
      const problem = slug === undefined ? undefined : problemSchema(slug);
      const schema = schemas[name] ?? (name === 'invalid-request' ? fieldProblemSchema(name) : problem);
      if (schema === undefined) throw new Error(`there is no schema of the example ${name}`);
      return schema;
    };
    let exampleCount = 0;
    for (const [path, operations] of Object.entries(document.paths)) {
      for (const { requestBody, responses } of Object.values(operations)) {
        const contents = [requestBody?.content, ...Object.values(responses).map(({ content }) => content)];
        for (const { examples } of contents.flatMap((content) => Object.values(content ?? {}))) {
          for (const [name, { value }] of Object.entries(examples ?? {})) {
            schemaOf(name, path).parse(value);
            exampleCount += 1;
          }
        }
      }
    }
    expect(exampleCount).toBeGreaterThanOrEqual(20);
  });
});

describe('the page of problems', () => {
  let api: ApiUnderTest;
  beforeAll(async () => {
    api = await ApiUnderTest.start();
  });
  afterAll(() => api.stop());

  it.each(SLUGS)('has a heading that the type of %s leads to', async (slug) => {
    const type = new URL(problemType(slug), api.url('/v1/charges'));
    const response = await fetch(type);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(await response.text()).toContain(`<h2 id="${type.hash.slice(1)}">`);
  });

  it('shows text as text', async () => {
    const html = await (await api.get('/docs/errors', {})).text();
    expect(html).toContain('<code>Authorization: Bearer &lt;api key&gt;</code>');
    expect(html).not.toContain('`');
  });

  it('stands in docs/errors.md as in the catalogue', async () => {
    const markdown = await readFile(new URL('../../../docs/errors.md', import.meta.url), 'utf8');
    const sections = SLUGS.map((slug) => {
      const { status, title, meaning } = PROBLEMS[slug];
      return `## ${slug}\n\n**${status} ${title}.** ${meaning}\n`;
    });
    expect(markdown.slice(markdown.indexOf('## '))).toBe(sections.join('\n'));
  });
});
