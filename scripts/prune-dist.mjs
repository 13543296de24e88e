// Deletes the output in dist/ of sources that were renamed or removed. tsc never deletes its old output; npm would publish a stale module, or
// the module would keep an import alive that has no source any more.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const sourceOf = { '.d.ts': '.ts', '.d.cts': '.cts', '.js': '.ts', '.cjs': '.cts' };

for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  const file = relative(dist, join(entry.parentPath, entry.name));
  // bundle*.js belong to scripts/bundle.mjs.
  if (!entry.isFile() || file === '.tsbuildinfo' || file.startsWith('bundle')) continue;
  const ending = /(\.d)?\.c?[jt]s$/.exec(file)?.[0] ?? '';
  const source = file.slice(0, file.length - ending.length) + (sourceOf[ending] ?? '');
  if (ending === '' || !existsSync(join(root, 'lib', source))) {
    rmSync(join(dist, file));
    console.log(`dist/${file}: removed, it has no source in lib/ any more`);
  }
}
