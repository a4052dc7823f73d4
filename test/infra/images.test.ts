import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, it } from '@jest/globals';

import { DEV } from '#test/support/stage-under-test';
import { testApp } from '#test/support/test-app';

import { PaymentsStage } from '../../lib/payments-stage.ts';

const IMAGES = [
  { service: 'gateway', command: ['node', '--enable-source-maps', 'gateway.mjs'] },
  { service: 'consumers', command: ['node', '--enable-source-maps', 'consumer.mjs'] },
];

/** The folders that Docker would get as its build contexts, by what is built from them. */
function buildContexts(): Map<string, string> {
  const assembly = new PaymentsStage(testApp(), DEV).synth();
  const root = path.dirname(assembly.directory);
  const folders = readdirSync(root)
    .filter((entry) => entry.startsWith('asset.'))
    .map((entry) => path.join(root, entry))
    .filter((folder) => readdirSync(folder).includes('services'));
  return new Map(
    folders.map((folder) => {
      const services = readdirSync(path.join(folder, 'services')).filter((service) => service !== 'contract');
      return [services.join(), folder];
    }),
  );
}

const contexts = buildContexts();

describe('the build contexts', () => {
  it('are one for each image, with the sources of no other service', () => {
    expect([...contexts.keys()].sort()).toEqual(IMAGES.map(({ service }) => service).sort());
  });
});

describe.each(IMAGES)("the build context of the $service's image", ({ service, command }) => {
  const context = contexts.get(service) ?? '';
  const files = readdirSync(context, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(context, path.join(entry.parentPath, entry.name)));

  it('holds what the image is made of, so that no other edit changes the image', () => {
    const own = new RegExp(
      `^(package(-lock)?\\.json|\\.dockerignore|services/${service}/(Dockerfile|build\\.mjs)|services/(${service}|contract)/src/.+)$`,
    );
    expect(files.filter((file) => !own.test(file))).toEqual([]);
  });

  it('holds everything that the Dockerfile copies from it', () => {
    const dockerfile = readFileSync(path.join(context, `services/${service}/Dockerfile`), 'utf8');
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, sources = '']) =>
      sources.split(' '),
    );
    expect(copied).toContain(`services/${service}/src`);
    for (const source of copied) {
      expect(files.some((file) => file === source || file.startsWith(`${source}/`))).toBe(true);
    }
  });

  it('holds a Dockerfile with a non-root user and a base image to be given by digest', () => {
    const dockerfile = readFileSync(`services/${service}/Dockerfile`, 'utf8');
    expect(dockerfile).toMatch(/^ARG NODE_IMAGE=\S*node:24\S*slim$/m);
    expect([...dockerfile.matchAll(/^FROM .*$/gm)].map(([line]) => line)).toEqual([
      'FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS build',
      'FROM ${NODE_IMAGE}',
    ]);
    expect(dockerfile).toMatch(/^USER 1000:1000$/m);
    expect(JSON.parse(/^CMD (.+)$/m.exec(dockerfile)?.[1] ?? '[]')).toEqual(command);
    expect(dockerfile).toMatch(/NODE_ENV=production/);
  });
});

describe("the gateway's Dockerfile", () => {
  it('has a health check by Node', () => {
    const dockerfile = readFileSync('services/gateway/Dockerfile', 'utf8');
    expect(dockerfile).toMatch(/^HEALTHCHECK .* CMD \["node", "health-check\.mjs"\]$/m);
  });
});
