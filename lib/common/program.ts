/** The program that this process runs, and the name of the directory that it was started in. */

import { existsSync, statSync } from 'node:fs';
import { isAbsolute, resolve, sep } from 'node:path';

/** The running program, as far as it is needed to start it again. */
export interface Program {
  readonly execPath: string;
  readonly execArgv: readonly string[];
  readonly argv: readonly string[];
  /** That of the start, where the system keeps it: see `system/environment.ts`. A new object at every read. */
  readonly env: NodeJS.ProcessEnv;
  /** Working directory as the user named it, as far as that can be known. */
  readonly cwd: string;
  /** The same directory at the start of the program, without symbolic links: what `argv[1]` is relative to. */
  readonly physicalCwd: string;
  /** Whether a person or a script chose {@link cwd}: if not, a link may have led there. */
  readonly cwdIsNamed: boolean;
  /** A single executable application: the executable has the script in it, and takes no script and no flags of node. */
  readonly isSingleExecutable: boolean;
  /** The file that a worker of node loads first. Throws when there is none any more. */
  preload(): string;
}

/**
 * `$PWD` when it is the same directory as the physical working directory, which process.cwd() returns. After
 * `cd current && node app.js` through a symlink that a deploy moves, the logical name leads to the new release.
 */
export function logicalCwd(env: NodeJS.ProcessEnv, physical: string): string {
  const { PWD } = env;
  if (PWD === undefined || !isAbsolute(PWD)) return physical;
  const logical = resolve(PWD);
  if (logical === physical) return physical;
  const id = idOf(logical);
  return id !== undefined && id === idOf(physical) ? logical : physical;
}

/** False, too, for what Node may not read under its permission model: existsSync() throws then. */
export function exists(path: string): boolean {
  try {
    return existsSync(path);
  } catch {
    return false;
  }
}

/** Of a folder, whatever it is called; `undefined` for what is no folder. */
export function idOf(path: string): string | undefined {
  try {
    // File numbers of NTFS and ReFS do not fit into a double; elsewhere a master is spared the objects.
    const stats = statSync(path, { bigint: sep !== '/' });
    return stats.isDirectory() ? `${stats.dev}:${stats.ino}` : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Whether a person, or a script, chose the name of the working directory. A shell that never executed `cd`, as below a service manager,
 * sets PWD to what the kernel calls the directory, and no OLDPWD.
 */
export function isNamed(env: NodeJS.ProcessEnv, physical: string): boolean {
  return env['PWD'] === physical && env['OLDPWD'] !== undefined;
}
