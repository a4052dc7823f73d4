import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { type Express } from 'express';

const SCRIPT = 'text/javascript; charset=utf-8';

/** What the page is made of: every file that is served, and no other. */
const FILES = [
  { path: '/', file: 'index.html', type: 'text/html; charset=utf-8' },
  { path: '/console.css', file: 'console.css', type: 'text/css; charset=utf-8' },
  { path: '/icon.svg', file: 'icon.svg', type: 'image/svg+xml' },
  ...['main', 'api', 'send-form', 'charge-list', 'charge-pane', 'columns', 'format'].map((name) => ({
    ...{ path: `/${name}.js`, file: `${name}.js`, type: SCRIPT },
  })),
];
/** The names by which the page's import map leads to them. */
const PACKAGES = [
  { path: '/preact.js', specifier: 'preact' },
  { path: '/preact-hooks.js', specifier: 'preact/hooks' },
];

/** Serves the page. Read once: nothing is built, and nothing else of this machine can be asked for. */
export function servePage(app: Express): void {
  const folder = new URL('../page/', import.meta.url);
  const read = (url: string | URL): Buffer => readFileSync(fileURLToPath(url));
  const index = read(new URL('index.html', folder)).toString();
  const policy = contentSecurityPolicy(index);
  const files = [
    ...FILES.map(({ path, file, type }) => ({ path, type, content: read(new URL(file, folder)) })),
    ...PACKAGES.map(({ path, specifier }) => ({
      ...{ path, type: SCRIPT, content: read(import.meta.resolve(specifier)) },
    })),
  ];
  for (const { path, type, content } of files) {
    app.get(path, (_request, response) => {
      response.setHeader('Content-Security-Policy', policy);
      response.setHeader('Content-Type', type);
      response.end(content);
    });
  }
}

/** Scripts of this origin alone, and the page's import map by its digest: what a charge says can never run. */
function contentSecurityPolicy(index: string): string {
  const [, importMap = ''] = /<script type="importmap">([\s\S]*?)<\/script>/.exec(index) ?? [];
  const digest = createHash('sha256').update(importMap).digest('base64');
  return [
    "default-src 'none'",
    `script-src 'self' 'sha256-${digest}'`,
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join('; ');
}
