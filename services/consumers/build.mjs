import path from 'node:path';
import process from 'node:process';

import { build } from 'esbuild';

/**
 * Bundles the consumers: `node services/consumers/build.mjs <folder>`. What the container runs is one file without
 * node_modules beside it, `consumer.mjs`; which consumer it is, its environment says.
 */
const outdir = process.argv[2];
if (outdir === undefined) {
  console.error('usage: node services/consumers/build.mjs <folder>');
  process.exit(2);
}

await build({
  entryPoints: { consumer: path.join(import.meta.dirname, 'src/main.ts') },
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
  logLevel: 'warning',
});
