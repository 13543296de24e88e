/** The command `prefork`, as a package manager puts it into the PATH of a user. */

import { readFileSync } from 'node:fs';
import { type Master, startProgram } from './master.js';
import { inPackage, target } from './target.js';

const { bin } = JSON.parse(readFileSync(inPackage('package.json'), 'utf8')) as { readonly bin: { prefork: string } };

/** In the package. */
export const COMMAND_FILE = bin.prefork;
export const COMMAND = inPackage(COMMAND_FILE);

export interface CommandOptions {
  /** Of the command. Default: two workers. */
  readonly options?: readonly string[];
  /** A file of `test/fixtures/`. */
  readonly program?: string;
  /** Arguments of the program. */
  readonly args?: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** A command that runs the command behind it. */
  readonly wrapper?: readonly string[];
  /** A program of this machine. Default: the node of the target. */
  readonly node?: string;
}

/** Runs a program of the fixtures under the command. */
export function startCommand({
  options = ['--workers', '2'],
  program = 'hosted.cjs',
  args = [],
  wrapper = [],
  node = target.node,
  ...rest
}: CommandOptions): Master {
  const [file = '', ...before] = [...wrapper, node];
  const words = [...before, COMMAND, ...options, inPackage(`test/fixtures/${program}`), ...args];
  return startProgram(file, { args: words, ...rest });
}

/** What `hosted.cjs` is to do. */
export interface Hosted {
  readonly listens?: readonly object[];
  readonly late?: readonly object[];
  /** In the worker that node:cluster shows by this number. */
  readonly only?: { readonly worker: number; readonly listens: readonly object[] };
  readonly cleanup?: number;
  readonly exitsAt?: readonly NodeJS.Signals[];
  readonly keeps?: boolean;
  readonly closes?: boolean;
  readonly resends?: boolean;
  readonly disconnects?: boolean;
  readonly ready?: number;
  readonly udp?: boolean;
  readonly wrongTwice?: boolean;
  readonly throws?: boolean;
}

export function startHosted(hosted: Hosted, options: CommandOptions = {}): Master {
  return startCommand({ ...options, args: [JSON.stringify(hosted), ...(options.args ?? [])] });
}

/** @returns the port of the first address. */
export async function readyPort(master: Master): Promise<number> {
  const line = await master.logged(/workers? (?:is|are) ready on .*/);
  return Number(/:(\d+)/.exec(line)?.[1]);
}
