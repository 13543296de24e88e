// `npm run build:native`: builds the parts of the addon that changed: `node-gyp configure` only for a new binding.gyp, Node version or
// architecture, then make's own incremental build, and nothing at all while every source is older than the addon.
// It has to run through npm, so that node-gyp gets npm's settings (nodedir, proxies, ...).
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const stampFile = join(root, 'build', '.configured');
const debug = process.argv.includes('--debug');
const product = join(root, 'build', debug ? 'Debug' : 'Release', 'prefork.node');

/** The inputs of `configure`. */
function configuration() {
  const gyp = readFileSync(join(root, 'binding.gyp'), 'utf8');
  const { version } = createRequire(import.meta.url)('node-addon-api/package.json');
  return JSON.stringify({ node: process.version, arch: process.arch, debug, headers: version, gyp });
}

function upToDate() {
  if (!existsSync(product)) return false;
  const built = statSync(product).mtimeMs;
  return readdirSync(join(root, 'native'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .every((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs < built);
}

function nodeGyp(...steps) {
  const bin = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');
  const args = [bin, ...steps, debug ? '--debug' : '--release', '--jobs=max', '--loglevel=warn'];
  const { status, signal } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) {
    console.error(`node-gyp ${steps.join(' ')} failed (${signal ?? `exit code ${status}`}).`);
    console.error('It needs python3, make and a C++17 compiler; on Debian: apt-get install python3 make g++');
    process.exit(1);
  }
}

const wanted = configuration();
const configured = existsSync(stampFile) && readFileSync(stampFile, 'utf8') === wanted;
if (!configured) {
  nodeGyp('configure');
  nodeGyp('build');
  mkdirSync(join(root, 'build'), { recursive: true });
  writeFileSync(stampFile, wanted);
} else if (!upToDate()) {
  nodeGyp('build');
}
