/**
 * By which names a program was started, and where these led then: what a deploy replaces, it replaces behind a name.
 * docs/decisions/releases.md says what follows from that.
 */

import { readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, resolve, sep } from 'node:path';
import type { Program } from '../../common/program.js';
import type { LaunchSettings } from '../../options/settings.js';
import { isEvaluated, SCRIPT } from '../launch/command.js';

/** A folder, or a file, that parts of the program are found in. */
export interface Root {
  /** Leads to the newest release; the same as `start` when no link is in it. */
  readonly name: string;
  /** Where the name led when the master started, without symbolic links. */
  readonly start: string;
}

/** What the workers' program was found by. */
export interface Names {
  readonly roots: readonly Root[];
  /** A link among the roots that was found, not given: the working directory came without a name. */
  readonly guess: Root | undefined;
  /** Links that led to what is run, while the user named the place itself, or several might be meant. */
  readonly unused: readonly Root[];
  /** Working directory of the workers, absolute. */
  readonly cwd: string;
  /** Of the program itself; `undefined` after `node -e`. */
  readonly script: string | undefined;
  /** `exec`, when it is a path. */
  readonly exec: string | undefined;
}

/** A folder that is larger by itself, in bytes, has tens of thousands of entries, and is no place where a deploy keeps its link. */
const FOLDER_SIZE = 1024 * 1024;
const PRESERVE = /^--preserve-symlinks-main$/;

export function namesOf(program: Program, { cwd, exec, execArgv }: LaunchSettings): Names {
  const roots: Root[] = [];
  const covered = (path: string) => roots.some(({ name, start }) => isWithin(path, start) || isWithin(path, name));
  const add = (name: string): void => {
    const root = linked(name);
    if (root !== undefined && !roots.some((other) => other.name === root.name)) roots.push(root);
  };
  const keep = (path: string): void => {
    if (!covered(path)) roots.push({ name: path, start: path });
  };
  const workersCwd = cwd === undefined ? program.cwd : resolve(program.cwd, cwd);
  const path = program.argv[1];
  const { isSingleExecutable } = program;
  const hasScript = path !== undefined && isAbsolute(path) && !isSingleExecutable && !isEvaluated(program);
  const script = hasScript ? path : undefined;
  // The kernel knows a program only by its real path: a single executable has the name that it was called by where others have a script.
  const called = isSingleExecutable && path?.includes(sep) === true ? resolve(program.cwd, path) : script;
  const named = exec === undefined || !isPath(exec) ? undefined : resolve(workersCwd, exec);

  for (const name of [program.cwd, workersCwd]) add(name);
  for (const name of [called, named]) if (name !== undefined) add(dirname(name));
  for (const name of hints(program.env)) add(name);
  // A link to the script itself, which does not lie in a release with it.
  const runs = named !== undefined && SCRIPT.test(named) ? named : called;
  if (runs !== undefined && isLink(runs) && !(execArgv ?? program.execArgv).some((flag) => PRESERVE.test(flag))) {
    const start = real(runs);
    if (start !== undefined && !roots.some((root) => isWithin(start, root.start))) roots.push({ name: runs, start });
  }

  let guess: Root | undefined;
  const unused: Root[] = [];
  if (!covered(program.physicalCwd)) {
    const links = linksTo(program.physicalCwd);
    if (links.length === 1 && !program.cwdIsNamed && cwd === undefined) guess = links[0];
    else unused.push(...links);
    if (guess !== undefined) roots.push(guess);
  }
  for (const place of [workersCwd, script === undefined ? undefined : dirname(script)]) {
    if (place === undefined || covered(place) || isWithin(place, program.physicalCwd)) continue;
    unused.push(...linksTo(place));
  }
  for (const place of [program.physicalCwd, workersCwd]) keep(place);
  for (const name of [script, named]) if (name !== undefined) keep(dirname(name));
  return { roots, guess, unused, cwd: workersCwd, script, exec: named };
}

/** As a shell takes it: a word without a slash is looked for in PATH, but for a script, which node reads. */
function isPath(exec: string): boolean {
  return exec.includes('/') || exec.includes(sep) || SCRIPT.test(exec);
}

/** @returns the path without symbolic links; `undefined` when there is nothing. */
export function real(path: string): string | undefined {
  try {
    // Node 20 may follow no link in realpathSync() after a descriptor was looked at (nodejs/node#51142). On Windows the native one makes
    // another name of a drive that is mapped.
    return sep === '/' ? realpathSync.native(path) : realpathSync(path);
  } catch {
    return undefined;
  }
}

/** Whether the last part of a name is a link that leads somewhere. */
function isLink(path: string): boolean {
  const [start, folder] = [real(path), real(dirname(path))];
  return start !== undefined && folder !== undefined && start !== join(folder, basename(path));
}

/** Names that the program may have been started by although its directory is another one now: a daemon goes to `/`, npm to its package. */
function hints({ PWD, npm_package_json: manifest }: NodeJS.ProcessEnv): string[] {
  const named = [PWD, manifest === undefined ? undefined : dirname(manifest)];
  return named.flatMap((name) => (name !== undefined && isAbsolute(name) ? [resolve(name)] : []));
}

/** Whether a path is a folder or lies in it. Nothing is said to lie in `/`, which no deploy replaces. */
export function isWithin(path: string, folder: string): boolean {
  if (!path.startsWith(folder) || folder.endsWith(sep)) return false;
  return path.length === folder.length || path[folder.length] === sep;
}

/** The part of a name that the link in it is the end of: `/srv/current` of `/srv/current/dist`. `undefined` without a link. */
function linked(path: string): Root | undefined {
  let name = path;
  let start = real(name);
  if (start === undefined || start === name) return undefined;
  while (basename(name) === basename(start) && real(dirname(name)) === dirname(start)) {
    name = dirname(name);
    start = dirname(start);
  }
  return { name, start };
}

/** Links beside the folders above a place that lead to it, or to a folder that it lies in: `/srv/current` to `/srv/releases/1`. */
function linksTo(place: string): Root[] {
  const found: Root[] = [];
  for (let folder = dirname(place); ; folder = dirname(folder)) {
    for (const name of linksIn(folder)) {
      const start = real(name);
      // One that leads upwards, to the folder that it lies in or beyond, is no release.
      if (start !== undefined && isWithin(place, start) && !isWithin(folder, start)) found.push({ name, start });
    }
    if (dirname(folder) === folder) return found;
  }
}

function linksIn(folder: string): string[] {
  try {
    if (statSync(folder).size > FOLDER_SIZE) return [];
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
      entry.isSymbolicLink() ? [join(folder, entry.name)] : [],
    );
  } catch {
    // A folder that may be passed through and not be listed.
    return [];
  }
}
