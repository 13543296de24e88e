/** What exactly is executed in a worker: program, arguments, environment, descriptors. */

import { basename, isAbsolute, join, relative } from 'node:path';
import { PreforkError } from '../../common/errors.js';
import { NODE_OPTIONS, optionsOf } from '../../common/node-options.js';
import type { Program } from '../../common/program.js';
import type { LaunchSettings } from '../../options/settings.js';
import { ENV, INSPECTABLE, MARKER, NOT_FOR_WORKERS } from '../../protocol/protocol.cjs';
import type { Command } from '../../types.js';
import { inheritedSockets, layoutOf } from '../layout.js';
import type { Launch } from '../system.js';
import { debugVariables, hasInspectPort, inspectPerWorker, mayInspect } from './debugger.js';
import { withPermissionFlags } from './permission-flags.js';

export const SCRIPT = /\.[cm]?[jt]sx?$/;
const NODE = /^node(\.exe)?$/i;
const EVAL = /^(-e|-p|-pe|--eval|--print)(=|$)/;
/** What a worker must not get from the master's own environment. */
export const STALE: ReadonlySet<string> = new Set([...Object.values(ENV), ...NOT_FOR_WORKERS]);

/** How to start a worker. */
export interface WorkerCommand extends Omit<Command, 'env'> {
  /** `KEY=value`, as execve(2) takes it: an object with a hundred variables costs a master three times as much. */
  readonly environment: readonly string[];
}

/** What one worker has for itself. */
export interface Own {
  /** Of its debugger. Default: the port that the master's flags name, plus 1, plus the slot. */
  readonly debugPort?: number | undefined;
  /** The master's number of the worker's end of the socket for listeners that a hosted program asks for. */
  readonly reply?: number | undefined;
  /** Of the user that it runs as: HOME and the like. `undefined`: the master's own must not reach it. */
  readonly identity?: Readonly<Record<string, string | undefined>> | undefined;
}

/**
 * @param control The master's descriptor number of the worker's end of the control channel.
 * @param adoption The same of the adoption socket, for sharded listeners.
 */
export function buildCommand(launch: Launch, control: number, adoption?: number, own?: Own): WorkerCommand {
  const { files } = inheritedSockets(launch.listeners, launch.slot);
  const { board, scoreboard } = launch;
  const channels = { control, adoption, reply: own?.reply, board: board?.fd, scoreboard: scoreboard?.fd };
  const { fds, environment } = layoutOf(files, channels);
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
    ...own,
  });
}

/** What the system hands a worker, and how. */
export interface Inherited extends Pick<Command, 'stdio' | 'files'>, Own {
  /** Where the worker finds it. */
  readonly environment: Readonly<Record<string, string | number>>;
  /** Whether a variable of the master must not reach a worker. */
  isStale(name: string): boolean;
}

/** The rest is the same on every system. */
export function workerCommand(launch: Launch, inherited: Inherited): WorkerCommand {
  const { settings, program, slot, generation } = launch;
  const cwd = settings.cwd ?? program.cwd;
  const { file, args, nodeOptions } = commandLine(settings, program, slot, inherited.debugPort);
  const variables = withPermissionFlags(settings.env ?? program.env, nodeFlags(settings, program), program);
  const base = { ...variables, ...debugVariables(variables, slot, inherited.debugPort) };
  const own = {
    ...identityIn(settings.env ?? {}, inherited.identity),
    [ENV.child]: MARKER,
    [ENV.fleet]: launch.fleet,
    [ENV.slot]: slot,
    [ENV.generation]: generation,
    [ENV.masterPid]: process.pid,
    ...(launch.scoreboard !== undefined && { [ENV.scoreboardRow]: launch.scoreboard?.row ?? 0 }),
    ...(settings.hosted !== undefined && { [ENV.hosted]: settings.hosted }),
    ...(settings.byActivation && { [ENV.byActivation]: MARKER }),
    ...(nodeOptions !== undefined && { [ENV.nodeOptions]: base[NODE_OPTIONS] ?? '' }),
    ...inherited.environment,
  };
  return {
    file,
    args,
    environment: environment(withNodeOptions(base, nodeOptions), own, inherited.isStale),
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

/** Flags of node for a worker that it runs; none for another program. */
export function nodeFlags({ exec, execArgv }: LaunchSettings, program: Program): readonly string[] {
  // A single executable brings the flags of its own configuration along.
  if (isOwnExecutable(exec, program)) return execArgv ?? [];
  if (exec === undefined) return execArgv ?? program.execArgv;
  if (!SCRIPT.test(exec) && !isNode(exec, program)) return [];
  return execArgv ?? withoutCode(program.isSingleExecutable ? [] : program.execArgv);
}

/** What node reads in a worker of a single executable behind its NODE_OPTIONS: the flags of the executable's own configuration. */
export function ownFlags({ exec }: Pick<LaunchSettings, 'exec'>, program: Program): readonly string[] {
  return isOwnExecutable(exec, program) ? program.execArgv : [];
}

function isOwnExecutable(exec: string | undefined, program: Program): boolean {
  return program.isSingleExecutable && (exec === undefined || exec === program.execPath);
}

interface CommandLine {
  readonly file: string;
  readonly args: string[];
  /** Flags of node that the program does not take as arguments. */
  readonly nodeOptions?: readonly string[];
}

function commandLine(
  settings: LaunchSettings,
  program: Program,
  slot: number,
  debugPort: number | undefined,
): CommandLine {
  const { exec, args } = settings;
  const flags = nodeFlags(settings, program);
  const own = ownFlags(settings, program);
  const nodeArgs = () => {
    const inspectable = settings.inspectable && !hasInspectPort([...flags, ...own], settings.env ?? program.env);
    return [
      '--require',
      program.preload(),
      ...(inspectable ? INSPECTABLE : []),
      ...inspectPerWorker(flags, slot, debugPort),
      // The executable starts the debugger by itself.
      ...(debugPort !== undefined && mayInspect(own, {}) ? [`--inspect-port=${debugPort}`] : []),
    ];
  };
  if (isOwnExecutable(exec, program)) {
    const userArgs = args ?? (exec === undefined ? program.argv.slice(2) : []);
    return { file: program.execPath, args: [...userArgs], nodeOptions: nodeArgs() };
  }
  const evaluated = isEvaluated(program);
  if (exec === undefined) {
    // `node -e code` has no script, so its arguments begin one earlier, and could be taken for node's own.
    const userArgs = evaluated ? ['--', ...(args ?? program.argv.slice(1))] : (args ?? program.argv.slice(2));
    return { file: program.execPath, args: [...nodeArgs(), ...script(settings, program), ...userArgs] };
  }
  // As in cluster.setupPrimary, `exec` may be a script; unlike there, it may be any program.
  if (SCRIPT.test(exec)) {
    if (program.isSingleExecutable) {
      throw new PreforkError(
        'ERR_PREFORK_UNSUPPORTED',
        `A single executable application runs no other script, so exec cannot be ${exec}: name a node in exec, and the script in args`,
      );
    }
    return {
      file: program.execPath,
      args: [...nodeArgs(), exec, ...(args ?? program.argv.slice(evaluated ? 1 : 2))],
    };
  }
  if (isNode(exec, program)) {
    return { file: exec, args: [...nodeArgs(), ...(args ?? [])] };
  }
  return { file: exec, args: [...(args ?? [])] };
}

/** Whether the workers run Node, as far as the command says. */
export function runsNode({ exec }: Pick<LaunchSettings, 'exec'>, program: Program): boolean {
  return exec === undefined || SCRIPT.test(exec) || isNode(exec, program);
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

/** What the option `env` does not set itself. */
function identityIn(
  chosen: Readonly<Record<string, string | undefined>>,
  identity: Readonly<Record<string, string | undefined>> = {},
): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(identity).filter(([name]) => !Object.hasOwn(chosen, name)));
}

/** @param flags In front of those that the user gave. */
function withNodeOptions(
  base: Readonly<Record<string, string | undefined>>,
  flags: readonly string[] | undefined,
): Readonly<Record<string, string | undefined>> {
  if (flags === undefined) return base;
  return { ...base, [NODE_OPTIONS]: `${optionsOf(flags)} ${base[NODE_OPTIONS] ?? ''}`.trim() };
}

function environment(
  base: Readonly<Record<string, string | undefined>>,
  own: Readonly<Record<string, string | number | undefined>>,
  isStale: Inherited['isStale'],
): string[] {
  const variables: string[] = [];
  for (const key of Object.keys(base)) {
    const value = base[key];
    if (value !== undefined && !isStale(key) && !(key in own)) variables.push(`${key}=${value}`);
  }
  for (const [key, value] of Object.entries(own)) if (value !== undefined) variables.push(`${key}=${value}`);
  return variables;
}
