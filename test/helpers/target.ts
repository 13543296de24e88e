/**
 * Where the fleets under test run. Here, unless `scripts/platforms` says otherwise: on another CPU, another C library or another operating
 * system, which this machine emulates, and out of a copy of the package that has nothing but prebuilt addons. Tests and clients stay here.
 */

import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** What a target may lack. `scripts/platforms` gives the reason, which goes into the title of every test that is skipped for it. */
export type Ability =
  /** Signals from process to process, more than the end of one. */
  | 'signals'
  /** Descriptors with numbers, that a program in any language inherits. */
  | 'descriptors'
  /** `/proc/<pid>`: command line, environment, descriptors, CPU time. */
  | 'proc'
  | 'unixSockets'
  /** The modes 'sharded' and 'reuseport'. */
  | 'sharding'
  /** Workers of another user, and privileges to drop. */
  | 'uids'
  /** Zombies, orphans, sessions, process groups, wrappers of POSIX. */
  | 'posixProcesses'
  | 'terminals'
  /** The stack of a blocked worker. */
  | 'blockedStacks'
  /** How much memory a process has, as it sees that itself. */
  | 'residentMemory'
  /** The end of a process closes all connections that it had. */
  | 'deathCloses'
  /** The master reads what its workers count out of their memory. */
  | 'sharedMemory'
  /** A client of the admin door may end its side, and then read. */
  | 'halfClosedDoors'
  /** A named pipe belongs to the process that made it first. */
  | 'exclusivePipes'
  /** Node survives to write a diagnostic report. */
  | 'reports';

export interface Target {
  readonly name: string;
  readonly platform: NodeJS.Platform;
  /** The node that runs fixtures and examples: a path on this machine. */
  readonly node: string;
  /** The package, with its fixtures and examples: a path on this machine. */
  readonly root: string;
  /** Where its addons are in it: a file, or a folder. */
  readonly addons: string;
  /** How many times longer everything may take. No count of lost or answered requests depends on it. */
  readonly slowness: number;
  readonly lacks: Readonly<Partial<Record<Ability, string>>>;
  /** Variables of this process without which no program runs there, PATH aside. */
  readonly needs?: readonly string[];
  /** Starts programs there; absent where they can be started from here. */
  readonly agent?: AgentCommand;
}

/** How `test/agent/main.mjs` is started, on this machine. */
export interface AgentCommand {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const HERE: Target = {
  name: 'here',
  platform: process.platform,
  node: process.execPath,
  root: fileURLToPath(new URL('../..', import.meta.url)),
  addons: 'build/Release/prefork.node',
  slowness: 1,
  lacks: {},
};

/** In the environment: a {@link Target} as JSON. */
export const TARGET = 'PREFORK_TEST_TARGET';

export const target: Target = { ...HERE, ...(JSON.parse(process.env[TARGET] ?? '{}') as Partial<Target>) };

/** Names of the variables that an environment made from nothing has to have. */
export const NEEDED: readonly string[] = ['PATH', ...(target.needs ?? [])];

/** A file of the package under test: `inPackage('test/fixtures/fleet.mjs')`. */
export function inPackage(file: string): string {
  return join(target.root, file);
}

/** A path of this machine, as the target names it. */
export function thereAs(path: string): string {
  // Wine has the whole machine as drive Z:.
  return target.platform === 'win32' ? `Z:${path.replaceAll('/', '\\')}` : path;
}

/** What the target imports that path by. */
export function urlThere(path: string): string {
  const { href } = pathToFileURL(path);
  return target.platform === 'win32' ? href.replace('file:///', 'file:///Z:/') : href;
}

/** A limit of time, in milliseconds, for the machine that this target runs on. */
export function patience(milliseconds: number): number {
  return milliseconds * target.slowness;
}
