/** Node's permission model (`node --permission`): whether it is on, and what it lets this process do with a file that comes and goes. */

import { dirname, join, resolve } from 'node:path';
import { PreforkError } from './errors.js';
import { NODE_OPTIONS, wordsOf } from './node-options.js';

/** `process.permission`. */
export type Permission = Pick<NodeJS.Process['permission'], 'has'>;

export type Variables = Readonly<Record<string, string | undefined>>;

const AUDIT = '--permission-audit';
/** `--experimental-permission` until Node 22. */
const MODEL = /^--(experimental-)?permission(-audit)?$/;

/** Whether a flag of node turns the model on. */
export function isModel(flag: string): boolean {
  return MODEL.test(flag);
}

/** The model, when it refuses anything: absent without `--permission`, and beside `--permission-audit`, which only reports. */
export function permissionModel(): Permission | undefined {
  const { permission, execArgv, env } = process as Omit<NodeJS.Process, 'permission'> & { permission?: Permission };
  if (permission === undefined || execArgv.includes(AUDIT) || wordsOf(env[NODE_OPTIONS]).includes(AUDIT))
    return undefined;
  return permission;
}

/**
 * Flags that this process lacks for a unix socket, or for a file that is written beside its place first. The addon makes files, and Node
 * does not ask for its permission then: without this question the socket and its lock would be there before Node refuses to rename or to
 * remove them.
 */
export function flagsForFolder(path: string, permission: Permission): string[] {
  const folder = resolve(dirname(path));
  // What belongs to it, a lock or a temporary name, lies beside it.
  const files = [resolve(path), join(folder, '.prefork')];
  return (['read', 'write'] as const)
    .filter((access) => !files.every((file) => permission.has(`fs.${access}`, file)))
    .map((access) => `--allow-fs-${access}=${folder}`);
}

/** @param what Names who needs the flags, and for what. */
export function needsFlags(flags: readonly string[], what: string): PreforkError {
  return new PreforkError(
    'ERR_PREFORK_UNSUPPORTED',
    `node runs with --permission, and ${what}: add ${flags.join(' ')}`,
  );
}
