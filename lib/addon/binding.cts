/**
 * Finds, loads and types the addon; the only file that knows paths. CommonJS, because the preload of a worker needs it
 * before any user module is loaded. `docs/decisions/prebuilds.md` says why no install script is involved.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../paths.cjs';
import { type Libc, libcOf, ownLibc } from './libc.cjs';
import type { CommonAddon } from './native.cjs';

interface BindingsOptions {
  readonly bindings: string;
  readonly module_root: string;
  readonly try: readonly (readonly string[])[];
}

/** A place that was looked at in vain, and what was wrong there. */
interface Attempt {
  readonly path: string;
  /** Undefined when nothing is there. */
  readonly reason?: string;
  readonly error?: unknown;
}

/**
 * Where the addon may be, in order: built from source, then prebuilt for this platform, under the names of `prebuildify`. A developer
 * of the package wants what was built last; an installation has no `build/`.
 */
function places(libc: Libc | undefined): readonly (readonly string[])[] {
  const prebuilds = ['prebuilds', `${process.platform}-${process.arch}`] as const;
  const tagged = libc === undefined ? [] : [[...prebuilds, `prefork.${libc}.node`]];
  return [['build', 'Release', 'prefork.node'], ...tagged, [...prebuilds, 'prefork.node']];
}

/**
 * @throws with `ERR_PREFORK_ADDON_NOT_FOUND`: every path that was tried, what was wrong with it, and the commands that build the addon.
 * With `ERR_PREFORK_UNSUPPORTED`: the runtime, or the flag of node, that keeps addons from being loaded.
 */
function load(): CommonAddon {
  const libc = process.platform === 'linux' ? ownLibc() : undefined;
  const attempts: Attempt[] = [];
  for (const place of places(libc)) {
    const path = join(ROOT, ...place);
    if (!isThere(path)) {
      attempts.push({ path });
      continue;
    }
    // Such a file loads, and the process aborts when it throws for the first time: a trial proves nothing.
    const other = libc === undefined ? undefined : libcOf(path);
    if (other !== undefined && other !== libc) {
      attempts.push({ path, reason: `is for ${other}, this Node is for ${libc}` });
      continue;
    }
    try {
      return require(path) as CommonAddon;
    } catch (error) {
      // A build for another CPU, say, is no reason not to look for the right one.
      attempts.push({ path, reason: `could not be loaded: ${(error as Error).message}`, error });
    }
  }
  const found = searched();
  if (found !== undefined) return found;
  const refusal = refused(attempts);
  throw refusal === undefined ? notFound(libc, attempts) : failure('ERR_PREFORK_UNSUPPORTED', refusal, attempts);
}

/** Why another build of the addon would be of no use. */
function refused(attempts: readonly Attempt[]): string | undefined {
  // Loaded late: it would cost the boot of every worker another file.
  const { unsupportedRuntime }: typeof import('./runtime.cjs') = require('./runtime.cjs');
  const runtime = unsupportedRuntime();
  if (runtime !== undefined) return runtime;
  const permission = process.permission as NodeJS.Process['permission'] | undefined;
  if (attempts.some(({ error }) => (error as NodeJS.ErrnoException | undefined)?.code === 'ERR_DLOPEN_DISABLED')) {
    return permission === undefined
      ? 'node loads no addons, and prefork is one: start it without --no-addons'
      : 'node loads no addons under --permission, and prefork is one: add --allow-addons';
  }
  if (permission === undefined || attempts.every(({ path }) => permission.has('fs.read', path))) return undefined;
  return `the addon of prefork may not be read under --permission: add --allow-fs-read=${ROOT}`;
}

/** False, too, for what Node may not read under its permission model: existsSync() throws then. */
function isThere(path: string): boolean {
  try {
    return existsSync(path);
  } catch {
    return false;
  }
}

/**
 * Of `node-gyp build --debug`, in a clone. `bindings` comes last: it takes longer to load than the addon, and no user installs it. In an
 * installed package the name would lead to whatever `bindings` the program has.
 */
function searched(): CommonAddon | undefined {
  if (!isClone()) return undefined;
  try {
    const find: (options: BindingsOptions) => CommonAddon = require('bindings');
    return find({ bindings: 'prefork.node', module_root: ROOT, try: [['module_root', 'build', 'Debug', 'bindings']] });
  } catch {
    return undefined;
  }
}

function notFound(libc: Libc | undefined, attempts: readonly Attempt[]): Error {
  const system = `${process.platform}-${process.arch}${libc === undefined ? '' : `-${libc}`}`;
  return failure(
    'ERR_PREFORK_ADDON_NOT_FOUND',
    `The native part of prefork for ${system} was not found. Tried:\n` +
      attempts.map(({ path, reason }) => `  ${path}${reason === undefined ? '' : ` ${reason}`}\n`).join('') +
      wayOut(),
    attempts,
  );
}

/** Has the shape of a `PreforkError`: that class is an ES module, out of reach of the preload. */
function failure(code: string, message: string, attempts: readonly Attempt[]): Error {
  const cause = attempts.find(({ error }) => error !== undefined)?.error;
  const error = new Error(message, cause === undefined ? {} : { cause });
  return Object.assign(error, { name: 'PreforkError', code, exits: [] });
}

/** A package has no sources to compile: package managers would compile them, and Yarn does so whatever package.json says. */
const isClone = (): boolean => isThere(join(ROOT, 'binding.gyp'));

function wayOut(): string {
  if (isClone()) return `Build it with: cd ${ROOT} && npm install --ignore-scripts && npm run build:native`;
  return (
    'This package has no addon for it, and nothing to build one from. In a clone of the repository of prefork, on a machine like this one, ' +
    '`npm ci && npm run pack:local` makes a package that has one: npm install <its archive>'
  );
}

/** The addon. Importing this module throws `ERR_PREFORK_ADDON_NOT_FOUND` when there is none for this platform. */
export const native: CommonAddon = load();
