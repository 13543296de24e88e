// Puts the modules of dist/ into a few files, the ones that users load: fifty small modules cost a master 4 MB and 20 ms, a bundle
// half of that. What only some processes need (the worker's side, certificates) stays apart and is loaded on demand. Readable:
// nothing is minified. The modules themselves stay in dist/ for their types, and for tests that look inside.
import { readdirSync, rmSync } from 'node:fs';
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
  legalComments: 'none',
});
