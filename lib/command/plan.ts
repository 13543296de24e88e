/** From the command line and the configuration file to the plan of a fleet. Loaded once it is sure that there will be one. */

import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { wordsOf } from '../common/node-options.js';
import { logicalCwd } from '../common/program.js';
import type { CommandConfig } from '../define-config.js';
import type { ArgumentName, Arguments } from './arguments.js';
import type { CommandPlan } from './command-plan.js';
import type { LoadedConfig } from './config.js';
import { findProgram } from './program.js';
import { UsageError } from './usage-error.js';
import { merged, VALUES, valuesOf, wordsOfCore } from './values.js';

/**
 * @param app The program, from the command line or else from the configuration file.
 * @throws UsageError.
 */
export function planOf(app: string, line: Arguments, loaded: LoadedConfig | undefined): CommandPlan {
  const config: CommandConfig = loaded?.config ?? {};
  const { app: _app, watch: _watch, args, execArgv = [], waitReady = false, ...options } = config;
  const flags = [...execArgv, ...flagsOf(line)];
  const values = valuesOf(line.given);
  return {
    options: merged(options, values),
    script: programOf(app, flags, line.app === undefined ? loaded?.name : undefined),
    args: line.args.length > 0 ? line.args : (args ?? []),
    execArgv: flags,
    waitReady: waitReady || line.given.has('wait-ready'),
  };
}

/**
 * An error of `prefork()` about options that are fine one by one: under the name that the user wrote.
 * @throws the error when it is about something else.
 */
export function optionError(error: unknown, line: Arguments, loaded: LoadedConfig | undefined): UsageError {
  const { inside, allowed, got } = wordsOfCore(error);
  for (const [name, { written }] of line.given) {
    const to = name === 'quiet' ? 'logger' : VALUES[name]?.to;
    if (to === undefined || !(inside === to || inside.startsWith(`${to}[`))) continue;
    return new UsageError(`option '${written}' must be ${allowed}; got ${got}`);
  }
  const [outer = ''] = inside.split(/[.[]/);
  const file = loaded !== undefined && outer in loaded.config ? `${loaded.name}: ` : '';
  return new UsageError(`${file}option '${inside}' must be ${allowed}; got ${got}`);
}

function programOf(name: string, flags: readonly string[], file: string | undefined): string {
  try {
    return findProgram(name, logicalCwd(process.env, process.cwd()), flags);
  } catch (error) {
    if (file === undefined || !(error instanceof UsageError)) throw error;
    throw new UsageError(`${file}: ${error.message}`);
  }
}

/** In the order in which node would have them. A relative path begins where the user typed it, also with --cwd. */
function flagsOf(line: Arguments): string[] {
  const texts = (name: ArgumentName): readonly string[] => line.given.get(name)?.texts ?? [];
  const path = (module: string): string => (/^\.{1,2}[\\/]/.test(module) ? resolve(module) : module);
  const url = (module: string): string => (path(module) === module ? module : pathToFileURL(path(module)).href);
  return [
    ...texts('env-file').map((file) => `--env-file=${resolve(file)}`),
    ...texts('require').flatMap((module) => ['--require', path(module)]),
    ...texts('import').flatMap((module) => ['--import', url(module)]),
    ...texts('node-options').flatMap((words) => wordsOf(words)),
  ];
}
