import path from 'node:path';
import process from 'node:process';

import { build } from 'esbuild';

/**
 * Bundles the gateway: `node services/gateway/build.mjs <folder>`. What the container runs is one file without
 * node_modules beside it, `gateway.mjs`; `health-check.mjs` is what asks it whether it is alive.
 */
const outdir = process.argv[2];
if (outdir === undefined) {
  console.error('usage: node services/gateway/build.mjs <folder>');
  process.exit(2);
}
const source = path.join(import.meta.dirname, 'src');

await build({
  entryPoints: {
    gateway: path.join(source, 'main.ts'),
    'health-check': path.join(source, 'health-check.ts'),
  },
  outdir,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  // For --enable-source-maps: lines and names, not the sources once more.
  sourcemap: 'linked',
  sourcesContent: false,
  // Dependencies in CommonJS ask for Node's own modules by `require`, which an ES module does not have. Under another
  // name than its own, which a dependency may import as well.
  banner: {
    js: "import { createRequire as createBundleRequire } from 'node:module';\nconst require = createBundleRequire(import.meta.url);",
  },
  // Never loaded: the first is pg's binding to libpq, the second exists in Cloudflare's runtime only.
  external: ['pg-native', 'cloudflare:sockets'],
  logLevel: 'warning',
});
