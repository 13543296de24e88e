/**
 * The command `prefork`: `prefork.cts`, the file that npm links, calls it. It decides what to do and prints what went wrong. Everything that
 * not every start needs is imported late, so that `--version` and `--help` load neither the package nor its addon.
 */

import { existsSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { HeadStart } from '../system/posix/head-start.js';
import { type Arguments, parseArguments } from './arguments.js';
import type { CommandPlan, RunCommand, RunningFleet } from './command-plan.js';
import type { LoadedConfig } from './config.js';
import { CONFIG_NAMES } from './config-names.cjs';
import { UsageError } from './usage-error.js';
import { verbOf } from './verbs.js';

/** Exit codes: a requested stop; the fleet failed; wrong usage. */
const [OK, FAILED, WRONG_USAGE] = [0, 1, 2] as const;
const [STDOUT, STDERR] = [1, 2] as const;

const USAGE = `usage: prefork [options] app.js [arguments]
       prefork [options] -- command [arguments]
       prefork --help lists the options, and what asks a running fleet`;

/** What tests replace. */
export interface Outside {
  version(): string;
  readonly out?: (text: string) => void;
  readonly err?: (text: string) => void;
  readonly run?: RunCommand;
  /** See head-start.ts. */
  readonly headStart?: HeadStart | undefined;
}

/**
 * @param argv Without node and the command itself.
 * @returns the exit code, once everything is over.
 */
export async function main(argv: readonly string[], outside: Outside): Promise<number> {
  const { out = (text) => write(STDOUT, text), err = (text) => write(STDERR, text), headStart } = outside;
  const say = (message: string): void => err(`prefork: ${message}`);
  try {
    const line = parseArguments(argv);
    if (line.given.has('version')) return done(() => out(outside.version()));
    if (line.given.has('help')) {
      const { helpText } = await import('./help.js');
      return done(() => out(helpText()));
    }
    const verb = verbOf(line);
    if (verb !== undefined) return await (await import('./control.js')).control(verb, line, { out, say });
    return await runLine(line, { err, say, run: outside.run, headStart });
  } catch (error) {
    // The package cannot be loaded, or the system refuses a file or the working directory: no bug of ours, so no stack.
    if (!(error instanceof UsageError)) {
      if (!(error instanceof Error) || typeof codeOf(error) !== 'string') throw error;
      say(error.message);
      return FAILED;
    }
    say(await (await import('./wrong-usage.js')).wordsFor(error));
    return WRONG_USAGE;
  } finally {
    void headStart?.end();
  }
}

interface Means {
  readonly err: (text: string) => void;
  readonly say: (message: string) => void;
  readonly run: RunCommand | undefined;
  readonly headStart: HeadStart | undefined;
}

/** @throws UsageError. */
async function runLine(line: Arguments, { err, say, run, headStart }: Means): Promise<number> {
  const files = line.given.get('env-file')?.texts ?? [];
  if (files.length > 0) (await import('./env-files.js')).loadEnvFiles(files);
  const file = configFile(line);
  const loaded = file === undefined ? undefined : await (await import('./config.js')).loadConfig(file);
  const app = line.app ?? loaded?.config.app;
  if (app === undefined) {
    if (loaded !== undefined) say(`${loaded.name}: it names no 'app', and the command line no program`);
    err(USAGE);
    return WRONG_USAGE;
  }
  const { planOf } = await import('./plan.js');
  const plan = planOf(app, line, loaded);
  const watches = line.given.has('watch') || loaded?.config.watch === true;
  return await runPlan(plan, run ?? (await import('./run.js')).runCommand, { line, loaded, watches, say, headStart });
}

interface Circumstances {
  readonly line: Arguments;
  readonly loaded: LoadedConfig | undefined;
  readonly watches: boolean;
  readonly say: (message: string) => void;
  readonly headStart: HeadStart | undefined;
}

async function runPlan(plan: CommandPlan, run: RunCommand, circumstances: Circumstances): Promise<number> {
  const { line, loaded, watches, say, headStart } = circumstances;
  const watch = watches ? (await import('./watch.js')).watchApp : undefined;
  let fleet: RunningFleet | undefined;
  let watching: { close(): Promise<void> } | undefined;
  try {
    const onStart = (started: RunningFleet): void => {
      fleet = started;
      watching = watch?.({ folder: process.cwd(), reload: () => started.reload(), say });
    };
    await run(plan, onStart, headStart);
    return OK;
  } catch (error) {
    if (codeOf(error) === 'ERR_PREFORK_INVALID_OPTION') {
      throw (await import('./plan.js')).optionError(error, line, loaded);
    }
    // The master has logged what ended it.
    const logged = fleet !== undefined && plan.options.logger !== false;
    if (!logged) say(error instanceof Error ? error.message : String(error));
    return FAILED;
  } finally {
    await watching?.close();
  }
}

/** @throws UsageError when the file of --config is not there. */
function configFile(line: Arguments): string | undefined {
  const given = line.given.get('config');
  const named = given?.texts[0];
  if (named === undefined)
    return CONFIG_NAMES.map((name) => join(process.cwd(), name)).find((path) => existsSync(path));
  const path = resolve(named);
  if (existsSync(path)) return path;
  throw new UsageError(
    `option '${given?.written}' must be the path of a configuration file; got '${named}', which is not there`,
  );
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

function done(print: () => void): number {
  print();
  return OK;
}

/** At once, and without an error when no reader is left: a stream would raise it later. */
function write(fd: number, text: string): void {
  try {
    writeSync(fd, `${text}\n`);
  } catch {
    // `prefork --help | head -1`: the reader has what it wanted.
  }
}
