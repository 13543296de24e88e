// Puts the modules of dist/ into a few files, the ones that users load: fifty small modules cost a master 4 MB and 20 ms, a bundle
// half of that. What only some processes need (the worker's side, certificates) stays apart and is loaded on demand. Readable:
// nothing is minified. The modules themselves stay in dist/ for their types, and for tests that look inside.
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const dist = fileURLToPath(new URL('../dist/', import.meta.url));

for (const file of readdirSync(dist)) {
  if (file.startsWith('bundle')) rmSync(join(dist, file));
}
await build({
  entryPoints: { bundle: fileURLToPath(new URL('../lib/index.ts', import.meta.url)) },
  outdir: dist,
  chunkNames: 'bundle-[hash]',
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  packages: 'external',
  external: ['./websocket.cjs'],
  legalComments: 'none',
});

// The one dependency that is carried along: who installs the package would get all of ws for the one time that a worker blocks. Only
// its client, which its own exports do not offer alone; bufferutil and utf-8-validate are optional and native.
const ws = fileURLToPath(new URL('../node_modules/ws/', import.meta.url));
const { version } = JSON.parse(readFileSync(join(ws, 'package.json'), 'utf8'));
await build({
  entryPoints: [fileURLToPath(new URL('../lib/websocket.cts', import.meta.url))],
  outfile: join(dist, 'websocket.cjs'),
  banner: {
    js: `/*\nContains ws ${version}, under this licence:\n\n${readFileSync(join(ws, 'LICENSE'), 'utf8').trim()}\n*/`,
  },
  alias: { ws: join(ws, 'lib', 'websocket.js') },
  external: ['bufferutil', 'utf-8-validate'],
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20.19',
  legalComments: 'none',
});
