/**
 * Where the admin door of a fleet is when its path is not given, and where to look for one. Pure but for the environment: the master and
 * the commands that ask it each have a copy.
 */

import { join, posix } from 'node:path';

const ENDING = '.sock';
/** Names of pipes on Windows, in place of folders. */
const PIPES = '\\\\.\\pipe\\';
const PIPE = `${PIPES}prefork-`;
const OF_A_PIPE = /^\\\\[.?]\\pipe\\./i;

export interface Surroundings {
  readonly platform: NodeJS.Platform;
  readonly env: NodeJS.ProcessEnv;
  /** Effective user; `undefined` on Windows. */
  readonly uid: number | undefined;
}

export function surroundings(): Surroundings {
  return { platform: process.platform, env: process.env, uid: process.geteuid?.() };
}

/** The folder of the doors of this user. What is private already is preferred. */
export function ownFolder({ platform, env, uid }: Surroundings): string {
  if (platform === 'win32') return PIPES;
  const given = env['XDG_RUNTIME_DIR'];
  if (given !== undefined && posix.isAbsolute(given)) return join(given, 'prefork');
  if (uid === 0) return platform === 'darwin' ? '/var/run/prefork' : '/run/prefork';
  // /tmp and not $TMPDIR, which differs from shell to shell.
  return `/tmp/prefork-${uid}`;
}

/**
 * Every folder that a master of this user may have chosen, the own one first: a service has no XDG_RUNTIME_DIR where the shell of the same
 * user has one.
 */
export function foldersToLookIn(here: Surroundings): readonly string[] {
  if (here.platform === 'win32') return [PIPES];
  const withoutXdg = { ...here, env: {} };
  const byLogind = { ...here, env: { XDG_RUNTIME_DIR: `/run/user/${here.uid}` } };
  return [...new Set([here, byLogind, withoutXdg].map(ownFolder))];
}

/** In that folder. */
export function doorPath(name: string, here: Surroundings): string {
  const file = fileOf(name);
  return here.platform === 'win32' ? `${PIPE}${file}` : join(ownFolder(here), `${file}${ENDING}`);
}

/** False for a path that can be no door: on Windows one that is not the name of a pipe. */
export function canBeDoor(path: string, { platform }: Pick<Surroundings, 'platform'>): boolean {
  return platform !== 'win32' || OF_A_PIPE.test(path);
}

/** The name of the fleet whose door has this file; `undefined`: the file is no door. */
export function nameOfDoor(file: string, { platform }: Pick<Surroundings, 'platform'>): string | undefined {
  const prefix = platform === 'win32' ? PIPE.slice(PIPES.length) : '';
  const ending = platform === 'win32' ? '' : ENDING;
  if (!file.startsWith(prefix) || !file.endsWith(ending)) return undefined;
  try {
    const name = decodeURIComponent(file.slice(prefix.length, file.length - ending.length));
    // No fleet is called so, but every program of Windows may make such a pipe.
    return name === '' || /\p{Cc}/u.test(name) ? undefined : name;
  } catch {
    return undefined;
  }
}

/** A name may hold a slash, and half a character, which has no encoding. It never begins with a dot, as temporary names do. */
function fileOf(name: string): string {
  return encodeURIComponent(Buffer.from(name).toString()).replace(/^\./, '%2E');
}
