/** `exec`, `args`, `execArgv`, `cwd`, `env`, `stdio`, `uid`, `gid` and `groups`: how a worker process is started. */

import { invalidOption } from '../common/errors.js';
import { checkNumber, checkObject, checkText, checkTextList, dotted } from './check.js';
import { optional, text, withDefault } from './kinds.js';
import type { Part } from './option.js';

const STDIO_WORDS = ['inherit', 'ignore', 'pipe'] as const;
type StdioEntry = (typeof STDIO_WORDS)[number] | number;

const STDIO: readonly StdioEntry[] = ['ignore', 'inherit', 'inherit'];

/** NGROUPS_MAX of Linux (credentials(7)). */
const GROUPS_MAX = 65_536;

export const LAUNCH = {
  exec: text('the path or name of a program'),
  args: optional(checkTextList),
  execArgv: optional(checkTextList),
  cwd: text('the path of a folder'),
  env: optional(checkEnv),
  /** Descriptors 0-2, always three. */
  stdio: withDefault(checkStdio, STDIO),
  /** `undefined`: the master puts nothing before the lines. */
  linePrefix: optional(checkLinePrefix),
  uid: optional(idOf('-u')),
  gid: optional(idOf('-g')),
  groups: optional(checkGroups),
} satisfies Part;

function checkLinePrefix(option: string, value: unknown): string | undefined {
  if (typeof value === 'boolean') return value ? '[{slot} {pid}] ' : undefined;
  const allowed =
    "a boolean or 1 to 255 characters, no control characters, such as '{slot} {pid} {generation} {fleet}'";
  if (typeof value !== 'string') throw invalidOption(option, value, allowed);
  // Braces name what the master fills in.
  if (/^(?:(?!\{\w*\})\P{Cc}|\{(?:slot|pid|generation|fleet)\}){1,255}$/u.test(value)) return value;
  throw invalidOption(option, value, allowed, { range: true });
}

function checkEnv(option: string, value: unknown): Readonly<Record<string, string | undefined>> {
  const env = checkObject(option, value, 'an object of strings');
  const checked: Record<string, string | undefined> = {};
  for (const [name, entry] of Object.entries(env)) {
    if (name === '' || /[=\0]/.test(name)) {
      const allowed = "an object whose keys are not empty and hold no '=' and no NUL";
      throw invalidOption(option, name, allowed, { range: true });
    }
    checked[name] = entry === undefined ? undefined : checkText(dotted(option, name), entry, 'a string or undefined');
  }
  return checked;
}

/** One word for all three, or up to three entries; a missing one takes its default. */
function checkStdio(option: string, value: unknown): readonly StdioEntry[] {
  const allowed = "'inherit', 'ignore', 'pipe', or an array of up to three of these, descriptors or open streams";
  if (typeof value === 'string') {
    const word = wordOf(value);
    if (word === undefined) throw invalidOption(option, value, allowed, { range: true });
    return [word, word, word];
  }
  if (!Array.isArray(value)) throw invalidOption(option, value, allowed);
  if (value.length > STDIO.length) {
    const why = 'at most three entries: workers have their listeners from descriptor 3 up';
    throw invalidOption(option, value, why, { range: true });
  }
  return STDIO.map((byDefault, index) => {
    const entry: unknown = value[index];
    return entry === undefined || entry === null ? byDefault : checkStdioEntry(`${option}[${index}]`, entry);
  });
}

function checkStdioEntry(option: string, entry: unknown): StdioEntry {
  const allowed = "'inherit', 'ignore', 'pipe', a descriptor or an open stream that has one";
  if (typeof entry === 'string') {
    const word = wordOf(entry);
    const hint = entry === 'ipc' ? ' (workers and master talk through send() and message events)' : '';
    if (word === undefined) throw invalidOption(option, entry, `${allowed}${hint}`, { range: true });
    return word;
  }
  if (typeof entry === 'object' && entry !== null && 'fd' in entry && Number.isInteger(entry.fd)) {
    return checkDescriptor(option, entry.fd);
  }
  if (typeof entry === 'number') return checkDescriptor(option, entry);
  throw invalidOption(option, entry, allowed);
}

function wordOf(text: string): (typeof STDIO_WORDS)[number] | undefined {
  return STDIO_WORDS.find((word) => word === text);
}

function checkDescriptor(option: string, value: unknown): number {
  return checkNumber(option, value, { min: 0, max: 2 ** 31 - 1, integer: true, unit: 'a descriptor' });
}

/** (uid_t)-1 means "leave it alone" to setresuid(2): it is no user's id. */
function checkId(option: string, value: unknown): number {
  return checkNumber(option, value, { min: 0, max: 2 ** 32 - 2, integer: true });
}

/** @param flag Of id(1), which knows the number of a name. */
function idOf(flag: string): (option: string, value: unknown) => number {
  return (option, value) => {
    if (typeof value !== 'string') return checkId(option, value);
    const name = /^[\w.][\w.-]*$/.test(value) ? value : 'NAME';
    throw invalidOption(option, value, `a number, as 'id ${flag} ${name}' prints it for a name`);
  };
}

function checkGroups(option: string, value: unknown): readonly number[] {
  if (!Array.isArray(value)) throw invalidOption(option, value, 'an array of group ids');
  if (value.length > GROUPS_MAX) {
    throw invalidOption(option, value, `an array of at most ${GROUPS_MAX} group ids`, { range: true });
  }
  return Array.from(value as unknown[], (id, index) => checkId(`${option}[${index}]`, id));
}
