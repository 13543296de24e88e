/**
 * Finds, loads and types the addon; the only file that knows paths. CommonJS, because the preload of a worker needs it
 * before any user module is loaded. `docs/decisions/native-loading.md` says why no install script is involved.
 */

import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { NativeBinding } from './native.cjs';

interface BindingsOptions {
  readonly bindings: string;
  readonly module_root: string;
  readonly try: readonly (readonly string[])[];
}

/** The package root, from `lib/` as well as from `dist/`. */
const ROOT = join(__dirname, '..');

/**
 * The C library that this Node was linked with: the ELF interpreter is named in the first bytes of its own file. A system may
 * have both libraries installed, so looking for their files would not tell.
 */
function linuxLibc(): 'musl' | 'glibc' {
  const head = Buffer.alloc(4096);
  try {
    const fd = openSync(process.execPath, 'r');
    try {
      readSync(fd, head, 0, head.length, 0);
    } finally {
      closeSync(fd);
    }
  } catch {
    return 'glibc';
  }
  return head.includes('/ld-musl-') ? 'musl' : 'glibc';
}

/** Where the addon may be, in order: built from source, then prebuilt for this platform, under the names of `prebuildify`. */
function places(): readonly (readonly string[])[] {
  const prebuilds = ['module_root', 'prebuilds', `${process.platform}-${process.arch}`] as const;
  const tagged = process.platform === 'linux' ? [[...prebuilds, `prefork.${linuxLibc()}.node`]] : [];
  return [['module_root', 'build', 'Release', 'prefork.node'], ...tagged, [...prebuilds, 'prefork.node']];
}

/** Has the shape of a `PreforkError`: that class is an ES module, out of reach of the preload. */
function notFound(cause: unknown): Error {
  const { tries, message } = cause as { readonly tries?: readonly string[]; readonly message?: string };
  const why =
    tries === undefined
      ? `was found but could not be loaded: ${message}`
      : `was not found. Tried:\n${tries.map((path) => `  ${path}\n`).join('')}`;
  const error = new Error(
    `The native part of prefork for ${process.platform}-${process.arch} ${why.trimEnd()}\n` +
      `Build it with: cd ${ROOT} && npm install --ignore-scripts && npm run build:native`,
    { cause },
  );
  return Object.assign(error, { name: 'PreforkError', code: 'ERR_PREFORK_ADDON_NOT_FOUND', exits: [] });
}

/** @throws with `ERR_PREFORK_ADDON_NOT_FOUND`: every path that was tried and the command that builds the addon. */
function load(): NativeBinding {
  const find: (options: BindingsOptions) => NativeBinding = require('bindings');
  try {
    return find({ bindings: 'prefork.node', module_root: ROOT, try: places() });
  } catch (error) {
    throw notFound(error);
  }
}

/** The addon. Importing this module throws `ERR_PREFORK_ADDON_NOT_FOUND` when there is none for this platform. */
export const native: NativeBinding = load();
