/** `exec`, `args`, `execArgv`, `cwd`, `env`, `stdio`, `uid`, `gid` and `groups`: how a worker process is started. */

import { invalidOption } from '../common/errors.js';
import type { PreforkOptions } from '../types.js';
import { checkNumber, checkObject, checkString, checkText, checkTextList } from './check.js';
import type { LaunchSettings } from './settings.js';

type StdioEntry = LaunchSettings['stdio'][number];

const STDIO: readonly StdioEntry[] = ['ignore', 'inherit', 'inherit'];
const STDIO_WORDS = ['inherit', 'ignore', 'pipe'] as const;

/** NGROUPS_MAX of Linux (credentials(7)). */
const GROUPS_MAX = 65_536;

export function checkLaunch(options: PreforkOptions): LaunchSettings {
  const { exec, args, execArgv, cwd, env, stdio, uid, gid, groups } = options;
  return {
    exec: exec === undefined ? undefined : checkString('exec', exec, 'the path or name of a program'),
    args: args === undefined ? undefined : checkTextList('args', args),
    execArgv: execArgv === undefined ? undefined : checkTextList('execArgv', execArgv),
    cwd: cwd === undefined ? undefined : checkString('cwd', cwd, 'the path of a folder'),
    env: env === undefined ? undefined : checkEnv(env),
    stdio: checkStdio(stdio),
    uid: uid === undefined ? undefined : checkId('uid', uid),
    gid: gid === undefined ? undefined : checkId('gid', gid),
    groups: groups === undefined ? undefined : checkGroups(groups),
    inspectable: options.livenessTimeout !== undefined,
  };
}

function checkEnv(value: unknown): Readonly<Record<string, string | undefined>> {
  const env = checkObject('env', value, 'an object of strings');
  const checked: Record<string, string | undefined> = {};
  for (const [name, text] of Object.entries(env)) {
    if (name === '' || /[=\0]/.test(name)) {
      throw invalidOption('env', name, "an object whose keys are not empty and hold no '=' and no NUL", {
        range: true,
      });
    }
    checked[name] = text === undefined ? undefined : checkText(`env.${name}`, text, 'a string or undefined');
  }
  return checked;
}

/** One word for all three, or up to three entries; a missing one takes its default. */
function checkStdio(value: unknown): readonly StdioEntry[] {
  if (value === undefined) return STDIO;
  const allowed = "'inherit', 'ignore', 'pipe', or an array of up to three of these, descriptors or open streams";
  if (typeof value === 'string') {
    const word = wordOf(value);
    if (word === undefined) throw invalidOption('stdio', value, allowed, { range: true });
    return [word, word, word];
  }
  if (!Array.isArray(value)) throw invalidOption('stdio', value, allowed);
  if (value.length > STDIO.length) {
    const why = 'at most three entries: workers have their listeners from descriptor 3 up';
    throw invalidOption('stdio', value, why, { range: true });
  }
  return STDIO.map((byDefault, index) => {
    const entry: unknown = value[index];
    return entry === undefined || entry === null ? byDefault : checkStdioEntry(`stdio[${index}]`, entry);
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

function checkGroups(value: unknown): readonly number[] {
  if (!Array.isArray(value)) throw invalidOption('groups', value, 'an array of group ids');
  if (value.length > GROUPS_MAX) {
    throw invalidOption('groups', value, `an array of at most ${GROUPS_MAX} group ids`, { range: true });
  }
  return Array.from(value as unknown[], (id, index) => checkId(`groups[${index}]`, id));
}
