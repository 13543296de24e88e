/**
 * The options of the command line, and how they are told from the program and its arguments. Names only: `values.ts` reads the texts, `help.ts`
 * describes them. Loads nothing but node:util, because every start of the command parses.
 */

import { parseArgs } from 'node:util';
import { UnknownOption, UsageError } from './usage-error.js';

interface Flag {
  readonly type: 'boolean';
  readonly short?: string;
  /** `--name=value` is allowed, too. */
  readonly optionalValue?: boolean;
}

interface Valued {
  readonly type: 'string';
  readonly short?: string;
  /** May be given more than once. Otherwise the last one counts. */
  readonly multiple?: boolean;
  /** A value that begins with a dash is meant: it holds flags of node. */
  readonly dashes?: boolean;
}

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;

export const ARGUMENTS = {
  workers: text,
  listen: { ...text, multiple: true },
  sharing: text,
  name: text,
  'pid-file': text,
  metrics: text,
  admin: { ...flag, optionalValue: true },
  cwd: text,
  uid: text,
  gid: text,
  stdio: text,
  'line-prefix': { ...flag, optionalValue: true },
  'ready-timeout': text,
  'ready-for': text,
  'wait-ready': flag,
  grace: text,
  'drain-delay': text,
  'drain-timeout': text,
  'exit-after-drain': { ...flag, optionalValue: true },
  'max-surge': text,
  'max-draining': text,
  'on-master-death': text,
  'recycle-rss': text,
  'recycle-age': text,
  'recycle-requests': text,
  'liveness-timeout': text,
  'recover-threshold': text,
  'recover-window': text,
  'recover-interval': text,
  import: { ...text, multiple: true },
  require: { ...text, multiple: true, short: 'r' },
  'node-options': { ...text, multiple: true, dashes: true },
  'env-file': { ...text, multiple: true },
  watch: flag,
  config: { ...text, short: 'c' },
  'log-format': text,
  quiet: flag,
  help: { ...flag, short: 'h' },
  version: { ...flag, short: 'v' },
} satisfies Record<string, Flag | Valued>;

export type ArgumentName = keyof typeof ARGUMENTS;

/** Second names: that of the option of `prefork()`. */
const ALIASES: Readonly<Record<string, ArgumentName>> = { 'shutdown-grace-period': 'grace' };

/** Every name that the command knows, with dashes. */
export const KNOWN: readonly string[] = [...Object.keys(ARGUMENTS), ...Object.keys(ALIASES)].map((name) => `--${name}`);

export interface Given {
  /** As the user wrote it: `--grace`, `-c`. */
  readonly written: string;
  /** Empty for a flag. */
  readonly texts: readonly string[];
}

export interface Arguments {
  readonly given: ReadonlyMap<ArgumentName, Given>;
  /** The program, as the user wrote it. */
  readonly app: string | undefined;
  /** What stands behind the program belongs to it, untouched. */
  readonly args: readonly string[];
  /** `--` stands before the program: it is no other word of the command. */
  readonly behindDashes: boolean;
}

/** @throws UsageError. */
export function parseArguments(argv: readonly string[]): Arguments {
  const options: Record<string, { type: 'string' | 'boolean'; short?: string }> = {};
  for (const [name, { type, ...more }] of entries()) options[name] = { type, ...shortOf(more) };
  for (const [alias, name] of Object.entries(ALIASES)) options[alias] = { type: ARGUMENTS[name].type };
  // Not strict: the program's own options come in the same list, and the errors of node:util do not name what is nearest.
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, allowPositionals: true, tokens: true });
  const given = new Map<ArgumentName, Given>();
  let last: ArgumentName | undefined;
  for (const token of tokens) {
    if (token.kind !== 'option') {
      if (token.kind === 'positional') refuseLooseValue(last, token.value);
      const [app, ...args] = argv.slice(token.kind === 'positional' ? token.index : token.index + 1);
      return { given, app, args, behindDashes: token.kind !== 'positional' };
    }
    const name = nameOf(token.name, token.rawName);
    last = token.inlineValue === true ? undefined : name;
    const before = given.get(name)?.texts ?? [];
    const value = textOf(name, token.rawName, token.value, token.inlineValue);
    const texts = value === undefined ? [] : isMultiple(name) ? [...before, value] : [value];
    given.set(name, { written: token.rawName, texts });
  }
  return { given, app: undefined, args: [], behindDashes: false };
}

function nameOf(name: string, written: string): ArgumentName {
  if (Object.hasOwn(ALIASES, name)) return ALIASES[name] as ArgumentName;
  if (Object.hasOwn(ARGUMENTS, name)) return name as ArgumentName;
  throw new UnknownOption(written);
}

function textOf(
  name: ArgumentName,
  written: string,
  value: string | undefined,
  inline: boolean | undefined,
): string | undefined {
  const argument: Flag | Valued = ARGUMENTS[name];
  if (argument.type === 'boolean') {
    if (value === undefined || argument.optionalValue === true) return value;
    throw new UsageError(`option '${written}' takes no value; got '${value}'`);
  }
  // `--workers --watch`: the value was forgotten. `--name=-x` is meant so.
  const forgotten = value === undefined || (inline !== true && argument.dashes !== true && /^-./.test(value));
  if (!forgotten) return value;
  throw new UsageError(`option '${written}' needs a value${value === undefined ? '' : `; '${value}' is an option`}`);
}

/** `2s`, `/run/app.sock`, `{slot}>`. */
const LOOSE_VALUE = /^\d+(\.\d+)?(ms|s|m|h)?$|\.sock$|\{(slot|pid|generation|fleet)\}/i;

/** `--exit-after-drain 2s app.js`, `--admin /run/app.sock app.js`: a program is hardly ever called `2s`, and no socket is one. */
function refuseLooseValue(last: ArgumentName | undefined, text: string): void {
  if (last === undefined || !('optionalValue' in ARGUMENTS[last]) || !LOOSE_VALUE.test(text)) return;
  throw new UsageError(`option '--${last}' takes its value behind an equals sign: --${last}=${text}`);
}

function isMultiple(name: ArgumentName): boolean {
  const argument: Flag | Valued = ARGUMENTS[name];
  return argument.type === 'string' && argument.multiple === true;
}

function entries(): [string, Flag | Valued][] {
  return Object.entries(ARGUMENTS);
}

function shortOf({ short }: { readonly short?: string }): { short?: string } {
  return short === undefined ? {} : { short };
}
