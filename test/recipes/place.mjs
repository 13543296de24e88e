// The folder in which a recipe runs: the files of its page, its packages, and what it builds out of them.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '../../scripts/tools/paths.mjs';

const execute = promisify(execFile);
/** Survives `npm ci`. Not below node_modules: bundlers leave the sources there as they are. */
const INSTALLATIONS = join(process.env.PREFORK_CACHE_DIR ?? join(ROOT, '.cache'), 'recipes');
/** The program of a recipe that names no other. */
export const PROGRAM = 'server.mjs';
/** What an installation leaves in the folder. */
const INSTALLED = ['node_modules', 'package.json', '.installed'];
/** Milliseconds for an installation or a build. */
const PATIENCE = 600_000;

/**
 * @param recipe A row of recipes.json.
 * @param node The node that runs it.
 * @returns `{ folder, remove() }`. A recipe whose packages are not those of this project has a folder in the cache, which stays.
 */
export function openPlace(name, { packages = {}, tools = {}, type = 'module' }, node) {
  const wanted = { ...packages, ...tools };
  const own = Object.entries(wanted).every(([each, version]) => versionHere(each) === version);
  return own ? linked(wanted) : installed(name, { wanted, type }, node);
}

/** Writes the files of the page and the adapter into the folder, and builds, unless only the program has changed since the last build. */
export async function furnish(folder, { adapter, build, program = PROGRAM }, files, node) {
  const all = new Map(files);
  if (adapter !== undefined) {
    all.set(`adapters/${adapter}.mjs`, readFileSync(join(ROOT, 'examples/adapters', `${adapter}.mjs`), 'utf8'));
  }
  const sources = [...all].filter(([name]) => name !== program);
  await once(join(folder, '.built'), [build, sources], async () => {
    // Files of an earlier page would take part in the build.
    for (const name of readdirSync(folder)) {
      if (!INSTALLED.includes(name)) rmSync(join(folder, name), { recursive: true });
    }
    write(folder, sources);
    if (build !== undefined) await shell(build, folder, node);
  });
  write(folder, all);
}

function write(folder, files) {
  for (const [name, text] of files) {
    const file = join(folder, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    if (text.startsWith('#!')) chmodSync(file, 0o755);
  }
}

/** @returns the version of a package that `npm ci` has installed for this project, or undefined. */
export function versionHere(name) {
  const file = join(ROOT, 'node_modules', name, 'package.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).version : undefined;
}

/** Below /tmp: the paths of unix sockets are short there, and other users can read it. */
function linked(wanted) {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-recipe-'));
  chmodSync(folder, 0o755);
  const modules = join(folder, 'node_modules');
  for (const name of Object.keys(wanted)) link(join(ROOT, 'node_modules', name), join(modules, name));
  linkPrefork(modules);
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

async function installed(name, { wanted, type }, node) {
  const folder = join(INSTALLATIONS, name);
  mkdirSync(folder, { recursive: true });
  const manifest = { name: `recipe-${name}`, private: true, type, dependencies: wanted };
  await once(join(folder, '.installed'), manifest, async () => {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
    await shell('npm install --ignore-scripts --no-audit --no-fund --no-package-lock', folder, node);
  });
  linkPrefork(join(folder, 'node_modules'));
  return { folder, remove() {} };
}

/** The package, and its command where `npx` looks for it. */
function linkPrefork(modules) {
  link(ROOT, join(modules, 'prefork'));
  const { bin } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  if (bin !== undefined) link(join(ROOT, bin.prefork), join(modules, '.bin/prefork'));
}

function link(target, path) {
  mkdirSync(dirname(path), { recursive: true });
  rmSync(path, { force: true });
  symlinkSync(target, path);
}

/** Does it unless `mark` says that it was done for this very input. */
async function once(mark, input, work) {
  const key = createHash('sha256').update(JSON.stringify(input)).digest('hex');
  if (existsSync(mark) && readFileSync(mark, 'utf8') === key) return;
  await work();
  writeFileSync(mark, key);
}

/** With the recipe's own node and programs. */
async function shell(command, folder, node) {
  const path = [join(folder, 'node_modules/.bin'), dirname(node), process.env.PATH].join(delimiter);
  const env = { ...process.env, PATH: path, CI: 'true', NEXT_TELEMETRY_DISABLED: '1', ASTRO_TELEMETRY_DISABLED: '1' };
  try {
    await execute('/bin/sh', ['-c', command], { cwd: folder, env, timeout: PATIENCE, maxBuffer: 2 ** 26 });
  } catch (error) {
    throw new Error(`${command} failed: ${error.message}\n${error.stdout}${error.stderr}`);
  }
}
