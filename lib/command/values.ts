/** From the texts of the command line to values of `PreforkOptions`, each checked as `prefork()` checks it, under the name that the user wrote. */

import { native } from '../addon/addon.js';
import { isPosix } from '../addon/narrow.cjs';
import { reasonOf } from '../common/in-words.cjs';
import { availableCpus } from '../options/cpus.js';
import type { Check } from '../options/option.js';
import { OPTIONS } from '../options/table.js';
import type { PreforkOptions } from '../types.js';
import type { ArgumentName, Given } from './arguments.js';
import { count, duration, orInfinity, size, workers } from './units.js';
import { wrongValue } from './usage-error.js';

export type FleetOptions = Partial<Omit<PreforkOptions, 'serve'>>;

interface Value {
  /** Dotted when it is inside of another option. */
  readonly to: string;
  /** `undefined`: the text is none of {@link allowed}. */
  readonly read: (text: string) => unknown;
  readonly allowed: string;
}

const TIME = 'a time such as 500ms, 10s, 5m, 1h, or milliseconds';
const SIZE = 'a size such as 512M, 2G, or bytes';
const COUNT = 'a whole number';

/** What `read` returns for a word that stands for the default: the option of the configuration file does not count then. */
const DEFAULT = Symbol('default');

export const VALUES: { readonly [Name in ArgumentName]?: Value } = {
  workers: {
    to: 'workers',
    read: (text) => workers(text, availableCpus),
    allowed: "'max', a number, or a share of the CPUs such as 50%",
  },
  listen: { to: 'listen', read: asIs, allowed: 'an address' },
  sharing: { to: 'sharing', read: asIs, allowed: 'a word' },
  name: { to: 'name', read: asIs, allowed: 'a name' },
  'pid-file': { to: 'pidFile', read: asIs, allowed: 'a path' },
  metrics: { to: 'metrics', read: place, allowed: "a port, 'host:port' or '[ipv6]:port'" },
  admin: { to: 'admin', read: asIs, allowed: 'a path' },
  cwd: { to: 'cwd', read: asIs, allowed: 'a folder' },
  uid: { to: 'uid', read: userId, allowed: 'the id or the name of a user of this machine' },
  gid: { to: 'gid', read: groupId, allowed: 'the id or the name of a group of this machine' },
  stdio: { to: 'stdio', read: stdio, allowed: 'a word' },
  'log-format': { to: 'logFormat', read: asIs, allowed: 'a word' },
  'line-prefix': { to: 'linePrefix', read: asIs, allowed: 'a text' },
  'ready-timeout': time('readyTimeout'),
  'ready-for': time('readyFor'),
  grace: time('shutdownGracePeriod'),
  'drain-delay': time('drainDelay'),
  'drain-timeout': time('drainTimeout'),
  'exit-after-drain': time('exitAfterDrain'),
  'max-surge': { to: 'maxSurge', read: count, allowed: COUNT },
  'max-draining': { to: 'maxDraining', read: orInfinity(count), allowed: `${COUNT} or Infinity` },
  'on-master-death': {
    to: 'onMasterDeath',
    read: (text) => ({ drain: DEFAULT, kill: 'kill', ignore: false })[text],
    allowed: "one of 'drain', 'kill', 'ignore'",
  },
  'recycle-rss': { to: 'recycle.maxRss', read: size, allowed: SIZE },
  'recycle-age': time('recycle.maxAge'),
  'recycle-requests': { to: 'recycle.maxRequests', read: count, allowed: COUNT },
  'liveness-timeout': time('livenessTimeout'),
  'recover-threshold': { to: 'recoverThreshold', read: orInfinity(count), allowed: `${COUNT} or Infinity` },
  'recover-window': { to: 'recoverWindow', read: orInfinity(duration), allowed: `${TIME}, or Infinity` },
  'recover-interval': time('recoverInterval'),
};

/**
 * The options of the fleet that the command line gives. One that is `undefined` here has its default, whatever the configuration file says.
 * @throws UsageError.
 */
export function valuesOf(given: ReadonlyMap<ArgumentName, Given>): FleetOptions {
  const options: Record<string, unknown> = {};
  for (const [name, { written, texts }] of given) {
    if (name === 'quiet') options['logger'] = false;
    const value = VALUES[name];
    if (value === undefined) continue;
    // A flag: there is only one, and `true` is what it means.
    const read = texts.length === 0 ? [true] : texts.map((text) => readOne(value, written, text));
    const whole = name === 'listen' ? (read.length === 1 ? read[0] : read) : read[0];
    if (name === 'listen') checkEach(written, texts);
    const [outer = '', inner] = value.to.split('.');
    const checked = whole === DEFAULT ? undefined : inner === undefined ? whole : { [inner]: whole };
    if (checked !== undefined) check(written, outer, checked, texts.join(', '));
    options[outer] = inner === undefined ? checked : { ...(options[outer] as object), ...(checked as object) };
  }
  return options;
}

/** The command line's options, over those of the configuration file. */
export function merged(config: FleetOptions, line: FleetOptions): FleetOptions {
  const recycle =
    config.recycle !== undefined && line.recycle !== undefined
      ? { recycle: { ...config.recycle, ...line.recycle } }
      : {};
  return { ...config, ...line, ...recycle };
}

/**
 * Checks a value as `prefork()` does.
 * @param file The configuration file that gave it.
 * @throws UsageError, with the bounds that the error of `prefork()` names.
 */
export function check(written: string, option: string, value: unknown, shown?: string, file?: string): void {
  const row = OPTIONS[option as keyof typeof OPTIONS];
  try {
    (row.check as Check<unknown>)(written, value);
  } catch (error) {
    const { inside, allowed, got } = wordsOfCore(error);
    throw wrongValue(file === undefined ? written : inside, allowed, shown === undefined ? got : quoted(shown), file);
  }
}

/** What an error of `prefork()` says about an option: "Option '<inside>' must be <allowed>; got <got>". */
export function wordsOfCore(error: unknown): {
  readonly inside: string;
  readonly allowed: string;
  readonly got: string;
} {
  const [, inside, allowed, got] = /^Option '(.*?)' must be (.*); got (.*)$/s.exec(reasonOf(error)) ?? [];
  // A bug of ours, with its stack, rather than half a message.
  if (inside === undefined || allowed === undefined || got === undefined) throw error;
  return { inside, allowed, got };
}

function readOne({ read, allowed }: Value, written: string, text: string): unknown {
  const value = read(text);
  if (value === undefined) throw wrongValue(written, allowed, quoted(text));
  return value;
}

/** Of several addresses the message shows the wrong one. */
function checkEach(written: string, texts: readonly string[]): void {
  for (const text of texts) check(written, 'listen', text, text);
}

function quoted(text: string): string {
  return `'${text}'`;
}

function time(to: string): Value {
  return { to, read: duration, allowed: TIME };
}

/** `9100`, `:9100`, `host:9100`, `[::1]:9100`. */
function place(text: string): unknown {
  const [, ipv6, host, digits] = /^(?:\[([^[\]]+)\]:|([^:]*):)?(\d{1,5})$/.exec(text) ?? [];
  if (digits === undefined) return undefined;
  return { port: Number(digits), ...((ipv6 || host) && { host: ipv6 || host }) };
}

function asIs(text: string): string {
  return text;
}

/** `pipe` for all three, or `ignore,pipe,2`. */
function stdio(text: string): unknown {
  if (!text.includes(',')) return text;
  return text.split(',').map((word) => count(word) ?? word);
}

function userId(text: string): number | undefined {
  return count(text) ?? (isPosix(native) ? native.findUser(text)?.uid : undefined);
}

function groupId(text: string): number | undefined {
  return count(text) ?? (isPosix(native) ? native.findGroup(text) : undefined);
}
