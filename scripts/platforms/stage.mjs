// Copies the package as an installation has it, with the fixtures and examples that the tests start: no sources and no local build, so
// that Node can load only a prebuilt addon.
import { chmodSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Beside the files at the top that package.json names: what `import` and `require()` load first. */
const PARTS = ['package.json', 'dist', 'prebuilds', 'test/fixtures', 'test/agent', 'test/windows', 'examples', 'docs'];

/** @returns `{ folder, remove() }`. Below /tmp, where workers of other users can read it. */
export function stage(root) {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-platform-'));
  chmodSync(folder, 0o755);
  const { files } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const entries = files.filter((file) => /^\w+\.[cm]js$/.test(file));
  for (const part of [...PARTS, ...entries]) {
    if (existsSync(join(root, part))) cpSync(join(root, part), join(folder, part), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
