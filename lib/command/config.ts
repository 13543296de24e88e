/** The configuration file of the command: finds it, loads it, and checks every name and value. Loaded only where there is one. */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { reasonOf, stackOf } from '../common/in-words.cjs';
import type { CommandConfig } from '../define-config.js';
import { checkBoolean, checkString, checkTextList, nearest } from '../options/check.js';
import { OPTIONS } from '../options/table.js';
import { importFile } from './import-file.cjs';
import { loadsTypeScript } from './typescript.js';
import { UsageError, wrongValue } from './usage-error.js';
import { check, wordsOfCore } from './values.js';

export interface LoadedConfig {
  /** Its base name, for messages. */
  readonly name: string;
  readonly config: CommandConfig;
}

/** What the command adds to the options of a fleet, or has another meaning for. */
const OWN = {
  app: checkString,
  args: checkTextList,
  execArgv: checkTextList,
  waitReady: checkBoolean,
  watch: checkBoolean,
};

/** Options of `prefork()` that the command sets by itself, and what to do instead. */
const SET_BY_COMMAND: Readonly<Record<string, string>> = {
  serve: "the program serves by its own listen(): name the program with 'app'",
  exec: "name the program with 'app'",
  readiness: "a worker is ready when the program listens, or with 'waitReady' when it says so",
};

/** @throws UsageError that begins with the name of the file. */
export async function loadConfig(file: string): Promise<LoadedConfig> {
  const name = basename(file);
  try {
    const config = await ofUsersCode(name, async () => {
      const exported = await load(file, name);
      return await (typeof exported === 'function' ? exported() : exported);
    });
    if (typeof config !== 'object' || config === null || Array.isArray(config)) {
      throw new UsageError(
        `${name}: it must export an object of options, or a function that returns one, as its default`,
      );
    }
    checkConfig(config as Readonly<Record<string, unknown>>, name);
    return { name, config };
  } catch (error) {
    throw error instanceof UsageError ? error : failed(name, file, error);
  }
}

async function load(file: string, name: string): Promise<unknown> {
  const kind = extname(file);
  if (kind === '.json') return parsed(file, name);
  if (/^\.[cm]?ts$/.test(kind) && !loadsTypeScript()) {
    throw new UsageError(
      `${name}: node ${process.version} does not run TypeScript: write it as prefork.config.mjs, or use Node 22.18 or later`,
    );
  }
  const loaded = (await importFile(pathToFileURL(file).href)) as { readonly default?: unknown };
  return loaded.default;
}

/** Two ends that a caller of `load` does not hear of: the event loop runs empty, and a promise that the file exports rejects before it is awaited. */
async function ofUsersCode<T>(name: string, load: () => Promise<T>): Promise<T> {
  let off = (): void => {};
  const otherwise = new Promise<never>((_, reject) => {
    const idle = (): void =>
      reject(new UsageError(`${name}: it waits for something that never comes: one of its promises does not settle`));
    process.once('beforeExit', idle).on('unhandledRejection', reject);
    off = () => process.off('beforeExit', idle).off('unhandledRejection', reject);
  });
  try {
    return await Promise.race([load(), otherwise]);
  } finally {
    off();
  }
}

function parsed(file: string, name: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`${name}: ${reasonOf(error)}`);
  }
}

/** The message of what the user's file threw, and the line in it. */
function failed(name: string, file: string, error: unknown): UsageError {
  const line = lineIn(name, stackOf(error)) ?? (error instanceof SyntaxError ? lineOfSyntax(name, file) : undefined);
  return new UsageError(`${name}${line === undefined ? '' : `:${line}`}: ${reasonOf(error)}`);
}

function lineIn(name: string, text: string): string | undefined {
  return new RegExp(`[/\\\\]${escaped(name)}:(\\d+)`).exec(text)?.[1];
}

/** Of an ES module that it cannot parse Node keeps the line to itself, unless nothing catches the error. */
function lineOfSyntax(name: string, file: string): string | undefined {
  return lineIn(name, spawnSync(process.execPath, ['--check', file], { encoding: 'utf8' }).stderr);
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function checkConfig(config: Readonly<Record<string, unknown>>, name: string): void {
  const known = [...Object.keys(OPTIONS).filter((option) => !(option in SET_BY_COMMAND)), ...Object.keys(OWN)];
  for (const [option, value] of Object.entries(config)) {
    if (value === undefined) continue;
    const instead = Object.hasOwn(SET_BY_COMMAND, option) ? SET_BY_COMMAND[option] : undefined;
    if (instead !== undefined) throw new UsageError(`${name}: the command has no option '${option}': ${instead}`);
    if (!known.includes(option)) throw unknown(name, option, known);
    if (Object.hasOwn(OWN, option)) checkOwn(name, option as keyof typeof OWN, value);
    else check(option, option, value, undefined, name);
  }
}

function unknown(name: string, option: string, known: readonly string[]): UsageError {
  const meant = nearest(option, known);
  const advice = meant === undefined ? '' : `: did you mean '${meant}'?`;
  return new UsageError(`${name}: there is no option '${option}'${advice} (docs/guide/command.md lists them)`);
}

function checkOwn(name: string, option: keyof typeof OWN, value: unknown): void {
  try {
    OWN[option](option, value);
  } catch (error) {
    const { inside, allowed, got } = wordsOfCore(error);
    throw wrongValue(inside, allowed, got, name);
  }
}
