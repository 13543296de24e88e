/**
 * Flags of Node with relative paths, for workers whose working directory is another than the master's: Node begins such paths at the directory
 * that it is started in.
 */

import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { optionsOf, wordsOf } from '../../common/node-options.js';

/** Modules. `./x` is a path; any other word names a package, which is left as it is. */
const REQUIRED = new Set(['-r', '--require']);
const IMPORTED = new Set(['--import', '--loader', '--experimental-loader']);
/** Files and folders, read or written. */
const PATHS = new Set([
  '--env-file',
  '--env-file-if-exists',
  '--experimental-config-file',
  '--openssl-config',
  '--icu-data-dir',
  '--snapshot-blob',
  '--localstorage-file',
  '--allow-fs-read',
  '--allow-fs-write',
  '--cpu-prof-dir',
  '--heap-prof-dir',
  '--diagnostic-dir',
  '--report-dir',
  '--report-directory',
  '--redirect-warnings',
  '--tls-keylog',
  '--trace-event-file-pattern',
]);
const RELATIVE = /^\.\.?[/\\]/;

/** @param folder Where the master was started. */
export function beginningAt(folder: string, flags: readonly string[]): string[] {
  return flags.map((flag, i) => {
    const before = flags[i - 1];
    if (before !== undefined && takesPlace(before)) return placeOf(before, flag, folder);
    const [, name, value] = /^(-[\w-]+)=(.*)$/s.exec(flag) ?? [];
    return name === undefined || value === undefined ? flag : `${name}=${placeOf(name, value, folder)}`;
  });
}

/** The same for NODE_OPTIONS. */
export function optionsBeginningAt(folder: string, options: string): string {
  return optionsOf(beginningAt(folder, wordsOf(options)));
}

function takesPlace(flag: string): boolean {
  return REQUIRED.has(flag) || IMPORTED.has(flag) || PATHS.has(flag);
}

function placeOf(flag: string, value: string, folder: string): string {
  if (REQUIRED.has(flag)) return RELATIVE.test(value) ? resolve(folder, value) : value;
  // Node takes these for URLs.
  if (IMPORTED.has(flag)) return RELATIVE.test(value) ? new URL(value, pathToFileURL(join(folder, '/'))).href : value;
  return PATHS.has(flag) && value !== '' && value !== '*' ? resolve(folder, value) : value;
}
