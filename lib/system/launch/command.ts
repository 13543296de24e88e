/** What exactly is executed in a worker: program, arguments, environment, descriptors. */

import { basename, isAbsolute, join, relative } from 'node:path';
import { PreforkError } from '../../common/errors.js';
import type { Program } from '../../common/program.js';
import type { LaunchSettings } from '../../options/settings.js';
import { ENV, INSPECTABLE, MARKER, NODE_IPC_ENV } from '../../protocol/protocol.cjs';
import type { Command } from '../../types.js';
import { inheritedSockets, layoutOf } from '../layout.js';
import type { Launch } from '../system.js';

export const SCRIPT = /\.[cm]?[jt]sx?$/;
const NODE = /^node(\.exe)?$/i;
const EVAL = /^(-e|-p|-pe|--eval|--print)(=|$)/;
const INSPECT = /^(--inspect(?:-brk|-wait|-port)?)(?:=(.*))?$/;
/** In NODE_OPTIONS: whatever says where the inspector is to be. */
const INSPECT_BY_ENVIRONMENT = /(^|\s)--(inspect(?!-publish-uid)|debug-port)/;
const DEFAULT_INSPECT_PORT = 9229;
/** What a worker must not get from the master's own environment. */
export const STALE: ReadonlySet<string> = new Set([...Object.values(ENV), ...NODE_IPC_ENV]);

/** How to start a worker. */
export interface WorkerCommand extends Omit<Command, 'env'> {
  /** `KEY=value`, as execve(2) takes it: an object with a hundred variables costs a master three times as much. */
  readonly environment: readonly string[];
}

/**
 * @param control The master's descriptor number of the worker's end of the control channel.
 * @param adoption The same of the adoption socket, for sharded listeners.
 */
export function buildCommand(launch: Launch, control: number, adoption?: number): WorkerCommand {
  const { files } = inheritedSockets(launch.listeners, launch.slot);
  const { board } = launch;
  const { fds, environment } = layoutOf(files, { control, adoption, board: board?.fd });
  return workerCommand(launch, {
    environment: {
      ...environment,
      [ENV.listenFds]: files.length,
      [ENV.listenFdNames]: files.map((file) => file.name).join(':'),
      ...(board !== undefined && { [ENV.boardRow]: board.row }),
    },
    stdio: [...launch.settings.stdio, ...fds],
    files,
    isStale: (name) => STALE.has(name),
  });
}

/** What the system hands a worker, and how. */
export interface Inherited extends Pick<Command, 'stdio' | 'files'> {
  /** Where the worker finds it. */
  readonly environment: Readonly<Record<string, string | number>>;
  /** Whether a variable of the master must not reach a worker. */
  isStale(name: string): boolean;
}

/** The rest is the same on every system. */
export function workerCommand(launch: Launch, inherited: Inherited): WorkerCommand {
  const { settings, program, slot, generation } = launch;
  const cwd = settings.cwd ?? program.cwd;
  const own = {
    [ENV.child]: MARKER,
    [ENV.fleet]: launch.fleet,
    [ENV.slot]: slot,
    [ENV.generation]: generation,
    [ENV.masterPid]: process.pid,
    ...(settings.byActivation && { [ENV.byActivation]: MARKER }),
    ...inherited.environment,
  };
  return {
    ...commandLine(settings, program, slot),
    environment: environment(settings.env ?? program.env, own, inherited.isStale),
    stdio: inherited.stdio,
    cwd,
    ...(settings.uid === undefined ? {} : { uid: settings.uid }),
    ...(settings.gid === undefined ? {} : { gid: settings.gid }),
    files: inherited.files,
    slot,
    generation,
  };
}

/** As a `commandProducer` gets it. */
export function producersCommand({ environment, ...command }: WorkerCommand): Command {
  const variables = environment.map((variable) => {
    const end = variable.indexOf('=');
    return [variable.slice(0, end), variable.slice(end + 1)] as const;
  });
  return { ...command, env: Object.fromEntries(variables) };
}

function commandLine(settings: LaunchSettings, program: Program, slot: number): { file: string; args: string[] } {
  const { exec, args } = settings;
  const execArgv = settings.execArgv ?? program.execArgv;
  const nodeArgs = (flags: readonly string[]) => {
    const inspectable = settings.inspectable && !hasInspectPort(flags, settings.env ?? program.env);
    return ['--require', program.preload(), ...(inspectable ? INSPECTABLE : []), ...inspectPerWorker(flags, slot)];
  };
  const evaluated = isEvaluated(program);
  if (exec === undefined) {
    // `node -e code` has no script, so its arguments begin one earlier, and could be taken for node's own.
    const userArgs = evaluated ? ['--', ...(args ?? program.argv.slice(1))] : (args ?? program.argv.slice(2));
    return { file: program.execPath, args: [...nodeArgs(execArgv), ...script(settings, program), ...userArgs] };
  }
  const flags = settings.execArgv ?? withoutCode(program.execArgv);
  // As in cluster.setupPrimary, `exec` may be a script; unlike there, it may be any program.
  if (SCRIPT.test(exec)) {
    return {
      file: program.execPath,
      args: [...nodeArgs(flags), exec, ...(args ?? program.argv.slice(evaluated ? 1 : 2))],
    };
  }
  if (isNode(exec, program)) {
    return { file: exec, args: [...nodeArgs(flags), ...(args ?? [])] };
  }
  return { file: exec, args: [...(args ?? [])] };
}

export function isNode(exec: string, { execPath }: Pick<Program, 'execPath'>): boolean {
  return exec === execPath || NODE.test(basename(exec));
}

export function isEvaluated(program: Program): boolean {
  return program.execArgv.some((argument) => EVAL.test(argument));
}

/** The flags of a program that was given as code, for one that is a file. */
function withoutCode(execArgv: readonly string[]): string[] {
  return execArgv.filter((argument, i) => {
    const isCode = EVAL.test(argument) || argument.startsWith('--input-type');
    // `-e code`: the code is an argument of its own; in `--eval=code` it is not.
    const before = execArgv[i - 1];
    return !isCode && !(before !== undefined && EVAL.test(before) && !before.includes('='));
  });
}

/** The program's own script; empty after `node -e`, whose code travels in execArgv. */
function script(settings: LaunchSettings, program: Program): string[] {
  const path = program.argv[1];
  if (isEvaluated(program)) return [];
  if (path === undefined || path === '-') {
    throw new PreforkError(
      'ERR_PREFORK_UNSUPPORTED',
      "This program was read from standard input and cannot be executed again; name the workers' program with the options exec and args",
    );
  }
  if (settings.cwd !== undefined) return [path];
  // Relative, for a producer that has another idea of where the directory is.
  const below = relative(program.physicalCwd, path);
  return [below === '' || below.startsWith('..') || isAbsolute(below) ? path : `.${join('/', below)}`];
}

/** A debugger port can be held by one process: worker `n` gets the master's port + 1 + n, as in `cluster`. */
function inspectPerWorker(execArgv: readonly string[], slot: number): string[] {
  return execArgv.map((argument) => {
    const [, flag, target] = INSPECT.exec(argument) ?? [];
    if (flag === undefined) return argument;
    const [, host = '', port] = /^(?:(.*):)?(\d+)$/.exec(target ?? '') ?? [undefined, target ?? ''];
    const base = port === undefined ? DEFAULT_INSPECT_PORT : Number(port);
    const own = base === 0 ? 0 : base + 1 + slot;
    return `${flag}=${host === '' ? '' : `${host}:`}${own}`;
  });
}

/** The user has an opinion about the inspector: it is used where it is. */
function hasInspectPort(execArgv: readonly string[], env: Readonly<Record<string, string | undefined>>): boolean {
  const flagged = execArgv.some((argument) => INSPECT.test(argument) || argument.startsWith('--debug-port'));
  return flagged || INSPECT_BY_ENVIRONMENT.test(env['NODE_OPTIONS'] ?? '');
}

function environment(
  base: Readonly<Record<string, string | undefined>>,
  own: Readonly<Record<string, string | number>>,
  isStale: Inherited['isStale'],
): string[] {
  const variables: string[] = [];
  for (const key of Object.keys(base)) {
    const value = base[key];
    if (value !== undefined && !isStale(key)) variables.push(`${key}=${value}`);
  }
  for (const [key, value] of Object.entries(own)) variables.push(`${key}=${value}`);
  return variables;
}
