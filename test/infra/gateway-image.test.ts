import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { App } from 'aws-cdk-lib';
import { describe, expect, it } from '@jest/globals';

import { DEV } from '#test/support/stage-under-test';

import { PaymentsStage } from '../../lib/payments-stage.ts';

/** The folder that Docker would get as its build context. */
function buildContext(): string {
  const app = new App({ context: { 'aws:cdk:bundling-stacks': [] }, builtinCloudFormationValidation: false });
  const assembly = new PaymentsStage(app, DEV).synth();
  const [asset] = readdirSync(path.dirname(assembly.directory))
    .map((entry) => path.join(path.dirname(assembly.directory), entry))
    .filter((folder) => path.basename(folder).startsWith('asset.'))
    .filter((folder) => readdirSync(folder).includes('services'))
    .filter((folder) => readdirSync(path.join(folder, 'services')).includes('gateway'));
  if (asset === undefined) throw new Error('there is no build context');
  return asset;
}

describe("the build context of the gateway's image", () => {
  const context = buildContext();
  const files = readdirSync(context, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(context, path.join(entry.parentPath, entry.name)));

  it('holds what the image is made of, so that no other edit changes the image', () => {
    const others = files.filter(
      (file) =>
        !/^(package(-lock)?\.json|\.dockerignore|services\/gateway\/(Dockerfile|build\.mjs)|services\/(gateway|contract)\/src\/.+)$/.test(
          file,
        ),
    );
    expect(others).toEqual([]);
  });

  it('holds everything that the Dockerfile copies from it', () => {
    const dockerfile = readFileSync(path.join(context, 'services/gateway/Dockerfile'), 'utf8');
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, sources = '']) =>
      sources.split(' '),
    );
    expect(copied).toContain('services/gateway/src');
    for (const source of copied) {
      expect(files.some((file) => file === source || file.startsWith(`${source}/`))).toBe(true);
    }
  });

  it('holds a Dockerfile with a non-root user, a health check by Node, and a base image to be given by digest', () => {
    const dockerfile = readFileSync('services/gateway/Dockerfile', 'utf8');
    expect(dockerfile).toMatch(/^ARG NODE_IMAGE=\S*node:24\S*slim$/m);
    expect([...dockerfile.matchAll(/^FROM .*$/gm)].map(([line]) => line)).toEqual([
      'FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS build',
      'FROM ${NODE_IMAGE}',
    ]);
    expect(dockerfile).toMatch(/^USER 1000:1000$/m);
    expect(dockerfile).toMatch(/^HEALTHCHECK .* CMD \["node", "health-check\.mjs"\]$/m);
    expect(dockerfile).toMatch(/^CMD \["node", "--enable-source-maps", "gateway\.mjs"\]$/m);
    expect(dockerfile).toMatch(/NODE_ENV=production/);
  });
});
