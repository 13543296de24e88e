// `npm run pack:local [-- --pack-destination <folder>]`: packs the package with the addon of this system only, as node-gyp builds it here.
// It is for machines like this one, and npm refuses to publish it. `--built` packs the build as it is.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from '../tools/paths.mjs';
import { addressOf } from './address.mjs';
import { demandDependencies } from './dependencies.mjs';

const ADDON = 'build/Release/prefork.node';
const BUILD = [ADDON, 'dist/bundle.cjs', 'dist/index.d.ts', 'dist/preload.cjs'];

/** npm is a .cmd on Windows, which only a shell starts. */
const shell = process.platform === 'win32';

const { values } = parseArgs({ options: { 'pack-destination': { type: 'string' }, built: { type: 'boolean' } } });
const destination = resolve(values['pack-destination'] ?? '.');

if (values.built !== true) {
  demandDependencies();
  // At the same time: the compiler of the addon leaves a CPU idle in places, and takes longest.
  await Promise.all(['build:native', 'build:ts'].map(build));
}
const missing = BUILD.filter((file) => !existsSync(join(ROOT, file)));
if (missing.length > 0) fail(`Missing: ${missing.join(', ')}. \`npm run build\` makes them.`);

const libc =
  process.platform === 'linux' ? createRequire(import.meta.url)('../../dist/addon/libc.cjs').ownLibc() : undefined;
const system = [process.platform, process.arch, libc].filter((part) => part !== undefined).join('-');
const folder = mkdtempSync(join(tmpdir(), 'prefork-pack-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
for (const part of partsOf(manifest)) cpSync(join(ROOT, part), join(folder, part), { recursive: true });
const addon = `prebuilds/${process.platform}-${process.arch}/prefork.${libc === undefined ? '' : `${libc}.`}node`;
mkdirSync(dirname(join(folder, addon)), { recursive: true });
cpSync(join(ROOT, ADDON), join(folder, addon));
// A package manager then refuses to install it on another system.
const only = { os: [process.platform], cpu: [process.arch], ...(libc !== undefined && { libc: [libc] }) };
// npm publishes no private package.
const whole = { ...manifest, ...(manifest.repository === undefined && addressOf(ROOT)), ...only, private: true };
writeFileSync(join(folder, 'package.json'), `${JSON.stringify(whole, null, 2)}\n`);

const packed = JSON.parse(npm(['pack', '--json', '--ignore-scripts'], folder));
const [{ filename }] = Object.values(packed);
const archive = join(destination, filename.replace(/\.tgz$/, `-${system}.tgz`));
mkdirSync(destination, { recursive: true });
cpSync(join(folder, filename), `${archive}.new`);
// As a whole, in the place of an older one.
renameSync(`${archive}.new`, archive);
console.log(archive);

/** Files and folders at the top of the package, of which npm chooses. Not the addons: those of other systems may be older than the rest. */
function partsOf({ files }) {
  const parts = files.filter((pattern) => !pattern.startsWith('!')).map((pattern) => pattern.split('/')[0]);
  return [...new Set([...parts, 'README.md', 'LICENSE'])].filter((part) => part !== 'prebuilds');
}

async function build(script) {
  const child = spawn('npm', ['run', '--silent', script], {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell,
  });
  const [status] = await once(child, 'close');
  if (status !== 0) fail(`npm run ${script} failed.`);
}

/** @returns what npm printed. */
function npm(args, cwd) {
  const stdio = ['ignore', 'pipe', 'inherit'];
  const { status, stdout } = spawnSync('npm', args, { cwd, encoding: 'utf8', maxBuffer: 2 ** 27, stdio, shell });
  if (status !== 0) fail(`npm ${args.join(' ')} failed.`);
  return stdout;
}

function fail(why) {
  console.error(why);
  process.exit(1);
}
