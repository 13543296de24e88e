/** Commands of packages: the files that package managers put into node_modules/.bin, and the JavaScript that is behind them. */

import { readdirSync, readlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { isFile, manifestOf } from './paths-on-disk.js';

/** The file that node runs for a command; `undefined` when no node_modules/.bin from `cwd` upwards has it. */
export function fileOfBin(name: string, cwd: string): string | undefined {
  for (let folder = cwd; ; folder = dirname(folder)) {
    const modules = join(folder, 'node_modules');
    const bin = join(modules, '.bin', name);
    // Windows: the command is `name.cmd`, beside a script for shells.
    if (isFile(bin) || isFile(`${bin}.cmd`)) return targetOf(bin) ?? byManifest(name, modules) ?? bin;
    if (dirname(folder) === folder) return undefined;
  }
}

/** The commands that {@link fileOfBin} would find in the nearest node_modules/.bin. */
export function binNames(cwd: string): readonly string[] {
  for (let folder = cwd; ; folder = dirname(folder)) {
    const names = namesIn(join(folder, 'node_modules', '.bin'));
    if (names.length > 0 || dirname(folder) === folder) return names;
  }
}

/** Where a link in .bin leads. One step: links further on, such as that of a deploy, are followed when a worker starts. */
function targetOf(bin: string): string | undefined {
  try {
    return resolve(dirname(bin), readlinkSync(bin));
  } catch {
    // pnpm, and every package manager on Windows, puts a shell script there instead.
    return undefined;
  }
}

/** From the packages of node_modules, that of the same name first. */
function byManifest(name: string, modules: string): string | undefined {
  for (const found of [name, ...packagesIn(modules)]) {
    const folder = join(modules, found);
    const manifest = manifestOf(join(folder, 'package.json'));
    const bin = manifest === undefined ? undefined : binOf(manifest, name);
    if (bin !== undefined && isFile(join(folder, bin))) return join(folder, bin);
  }
  return undefined;
}

function binOf({ name: own, bin }: Readonly<Record<string, unknown>>, name: string): string | undefined {
  // A single command is called as the package is, without its scope.
  if (typeof bin === 'string') return String(own).replace(/^@[^/]*\//, '') === name ? bin : undefined;
  if (typeof bin !== 'object' || bin === null || !Object.hasOwn(bin, name)) return undefined;
  const file = (bin as Record<string, unknown>)[name];
  return typeof file === 'string' ? file : undefined;
}

function packagesIn(modules: string): string[] {
  return namesIn(modules).flatMap((name) =>
    name.startsWith('@') ? namesIn(join(modules, name)).map((inner) => `${name}/${inner}`) : [name],
  );
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => !name.startsWith('.'));
  } catch {
    return [];
  }
}
