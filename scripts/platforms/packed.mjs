// The package as users get it: packed, installed in an empty folder without a compiler, then a whole life of a fleet (serve, kill, recover,
// stop) on every Node, from every kind of program and every way packages are laid out.
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { run as execute } from '../prebuild/run.mjs';
import { whereIs } from '../tools/debian.mjs';
import { managers } from '../tools/managers.mjs';

export const title = 'the packed package, installed without a compiler';

const MAJORS = [20, 22, 24, 26];

export async function run({ root, log, nodes }) {
  // A name with a space and non-ASCII characters: people have such folders.
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'prefork packed ünïcode-')));
  try {
    const place = { root, folder, log, path: programs(folder), seen: [] };
    place.archive = await pack(place);
    await installedByNpm(place, nodes);
    await installedByPnpm(place);
    await installedByYarn(place);
    return place.seen.join('; ');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The only programs that installing and running may call: there is no compiler. */
function programs(folder) {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  for (const command of ['sh', 'env', 'npm', 'tar', 'gzip']) symlinkSync(whereIs(command), join(bin, command));
  symlinkSync(process.execPath, join(bin, 'node'));
  return bin;
}

async function pack({ root, folder }) {
  // Not in the restricted environment: `prepack` builds what is missing.
  await execute('npm', ['pack', '--pack-destination', folder], {}, root);
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return join(folder, `prefork-${version}.tgz`);
}

async function installedByNpm(place, nodes) {
  const project = newProject(place, 'npm');
  await call(place, project, join(place.path, 'npm'), ['install', '--no-audit', place.archive]);
  for (const major of MAJORS) {
    const node = nodes(process.platform, process.arch, major);
    await lives(place, project, `Node ${major}, import`, [node, 'whole-life.mjs']);
    await lives(place, project, `Node ${major}, require()`, [node, 'whole-life.cjs']);
  }
  await bundle(project);
  await lives(place, project, 'a bundle, prefork external', [process.execPath, 'bundled.mjs']);
  // As with Electron: a program of another name, in its own folder.
  const renamed = join(place.folder, 'My Application');
  copyFileSync(process.execPath, renamed);
  await lives(place, project, 'a renamed executable', [renamed, 'whole-life.mjs']);
}

/** Every package in a folder of its own, with a link to it. */
async function installedByPnpm(place) {
  const project = newProject(place, 'pnpm');
  const [node, pnpm] = managers.pnpm();
  const store = ['--store-dir', join(place.folder, 'store')];
  await call(place, project, node, [pnpm, 'add', ...store, place.archive]);
  await lives(place, project, 'pnpm', [process.execPath, 'whole-life.mjs']);
}

/** Plug'n'Play: no node_modules at all, and packages are archives unless they ask not to be. */
async function installedByYarn(place) {
  const project = newProject(place, 'yarn');
  const [node, yarn] = managers['yarn 4']();
  const settings = {
    nodeLinker: 'pnp',
    enableScripts: true,
    enableTelemetry: false,
    globalFolder: join(place.folder, 'yarn-global'),
  };
  writeFileSync(join(project, '.yarnrc.yml'), JSON.stringify(settings));
  writeFileSync(join(project, 'yarn.lock'), '');
  await call(place, project, node, [yarn, 'add', `prefork@file:${place.archive}`]);
  await lives(place, project, "yarn, Plug'n'Play", [node, yarn, 'node', 'whole-life.mjs']);
}

function newProject({ folder, root }, name) {
  const project = join(folder, name);
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: `installs-with-${name}`, private: true }));
  for (const life of ['whole-life.mjs', 'whole-life.cjs'])
    cpSync(join(root, 'test/fixtures', life), join(project, life));
  return project;
}

async function bundle(project) {
  await build({
    entryPoints: [join(project, 'whole-life.mjs')],
    outfile: join(project, 'bundled.mjs'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['prefork'],
    logLevel: 'silent',
  });
}

async function lives(place, project, what, [command, ...args]) {
  const printed = (await call(place, project, command, args)).trim();
  // A warning on the way is a failure, too.
  if (!/^v\d+\.\d+\.\d+: .*stopped$/.test(printed)) throw new Error(`${what}: unexpected output\n${printed}`);
  place.log(`ok     ${what}: ${printed}`);
  place.seen.push(what);
}

async function call({ path, folder }, cwd, command, args) {
  const environment = {
    PATH: path,
    HOME: folder,
    NODE_OPTIONS: undefined,
    npm_config_cache: process.env.npm_config_cache,
  };
  return await execute(command, args, environment, cwd);
}
