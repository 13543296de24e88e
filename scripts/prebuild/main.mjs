// `npm run prebuild [-- <target>…]`: builds the addon for every system that the package supports, or for the named ones (`linux-x64`,
// `linux`, `darwin-arm64`…), where it is missing or older than its sources. It installs the tools that it needs.
import { mkdirSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from '../tools/paths.mjs';
import { isAskedFor } from './asked.mjs';
import { isStale } from './stale.mjs';
import { TARGETS } from './targets.mjs';

/** From `prepack`: npm must not pack a binary that is out of date and cannot be built here. */
const complete = process.argv.includes('--complete');
const wanted = process.argv.slice(2).filter((argument) => argument !== '--complete');
const unknown = wanted.filter((name) => selected([name]).length === 0);
if (unknown.length > 0) {
  console.error(`No target is called ${unknown.join(', ')}. There are: ${TARGETS.map(({ name }) => name).join(', ')}`);
  process.exit(1);
}

if (!isAskedFor()) process.exit();
if (process.platform !== 'linux' || process.arch !== 'x64') {
  const missing = TARGETS.map(({ file }) => file).filter((file) => isStale(join(ROOT, file)));
  if (complete && missing.length > 0) {
    console.error(
      `Missing, or older than their sources: ${missing.join(', ')}. \`npm run prebuild\` on Linux x64 builds them.\n` +
        '`npm run pack:local` packs the package with the addon of this system only.',
    );
    process.exit(1);
  }
  // No error: this may be the hook of `npm run build`.
  if (!complete)
    console.log('The cross build runs on Linux x64. Here, `npm run prebuildify` builds the addon for this system.');
  process.exit();
}

let failed = 0;
for (const target of selected(wanted)) {
  try {
    await build(target);
  } catch (error) {
    failed++;
    console.error(`${target.file}: FAILED\n${error.message}`);
  }
}
process.exitCode = failed === 0 ? 0 : 1;

function selected(names) {
  if (names.length === 0) return TARGETS;
  return TARGETS.filter((target) => names.some((name) => target.name === name || target.name.startsWith(`${name}-`)));
}

async function build(target) {
  const product = join(ROOT, target.file);
  if (!isStale(product)) return;
  const started = performance.now();
  mkdirSync(dirname(product), { recursive: true });
  // Beside the product, and then moved into place, so that no process ever loads half a binary.
  const folder = mkdtempSync(join(ROOT, 'prebuilds', '.building-'));
  try {
    const output = join(folder, 'prefork.node');
    await target.build(target, output);
    renameSync(output, product);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.log(`${target.file}: ${(statSync(product).size / 1024).toFixed(0)} kB, built in ${seconds} s`);
}
