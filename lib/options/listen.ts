/** Every form of the `listen` option, parsed into plans. Pure: nothing is resolved or bound here. */

import { isIP, isIPv4, isIPv6 } from 'node:net';
import { resolve } from 'node:path';
import { invalidOption } from '../common/errors.js';
import { logicalCwd } from '../common/program.js';
import { checkBoolean, checkNames, checkNumber, checkObject, checkOneOf, checkString } from './check.js';

/** Accept queue length when none is asked for; the kernel caps it at `net.core.somaxconn` (listen(2)). */
export const DEFAULT_BACKLOG = 4096;

/**
 * `sun_path` has 108 bytes on Linux and holds a final NUL (unix(7)). Other systems have less: macOS 104, and the addon refuses what is
 * longer (ENAMETOOLONG).
 */
export const UNIX_PATH_MAX = 107;

/** A TCP address that was asked for; the host name is not resolved yet. */
export interface TcpPlan {
  /** As which the service manager keeps it, where that is not its name. */
  readonly storedAs?: string;
  readonly kind: 'tcp';
  readonly name: string;
  /** `undefined`: every address. */
  readonly host: string | undefined;
  readonly port: number;
  readonly network: 'tcp' | 'tcp4' | 'tcp6';
  readonly ipv6Only: boolean;
  readonly backlog: number;
}

/** A unix socket that was asked for. */
export interface UnixPlan {
  /** As in {@link TcpPlan}. */
  readonly storedAs?: string;
  readonly kind: 'unix';
  readonly name: string;
  readonly path: string;
  readonly mode: number | undefined;
  /** Ids, or names that the user database knows; `undefined`: as the master makes it, or as the worker's user has it. */
  readonly owner: number | string | undefined;
  readonly group: number | string | undefined;
  readonly backlog: number;
}

/** A listening socket that this process was started with. */
export interface InheritedPlan {
  readonly kind: 'inherited';
  readonly name: string;
  readonly fd: number;
  readonly backlog: number;
}

/** What has an address before it is opened. */
export type BoundPlan = TcpPlan | UnixPlan;

export type ListenPlan = BoundPlan | InheritedPlan;

const FORMS = "a port number, 'host:port', ':port', '[ipv6]:port', 'unix:/path' or { host, port } or { path }";
const NAMES = [
  ...['host', 'port', 'path', 'fd', 'name', 'backlog', 'ipv6Only', 'network', 'mode', 'owner', 'group'],
] as const;
/** As long as a number is exact. */
const DIGITS = /^\d{1,15}$/;
const HINTS = {
  hostname: 'host',
  address: 'host',
  family: 'network',
  socket: 'path',
  user: 'owner',
};

/**
 * One plan per address, in the order given.
 * @throws `ERR_PREFORK_INVALID_OPTION` naming `listen` or `listen[i]`.
 */
export function parseListen(listen: unknown): readonly ListenPlan[] {
  if (listen === undefined) throw invalidOption('listen', listen, FORMS);
  if (!Array.isArray(listen)) return [parseTarget('listen', listen, 0)];
  if (listen.length === 0) throw invalidOption('listen', listen, 'at least one address', { range: true });
  const plans = Array.from(listen as unknown[], (target, index) => parseTarget(`listen[${index}]`, target, index));
  refuseDuplicates(plans);
  return plans;
}

function parseTarget(option: string, target: unknown, index: number): ListenPlan {
  const name = String(index);
  if (typeof target === 'number') return tcpPlan(name, undefined, checkPort(option, target));
  if (typeof target === 'string') return parseText(option, target, name);
  return parseSpec(option, checkObject(option, target, FORMS), name);
}

function parseText(option: string, text: string, name: string): ListenPlan {
  const refuse = (allowed: string): Error => invalidOption(option, text, allowed, { range: true });
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length);
    if (!path.startsWith('/')) throw refuse("'unix:' followed by an absolute path, e.g. 'unix:/run/app.sock'");
    const own = { mode: undefined, owner: undefined, group: undefined };
    return { kind: 'unix', name, path: checkPath(option, path), ...own, backlog: DEFAULT_BACKLOG };
  }
  const [, fd] = /^fd:\/\/(\d{1,9})$/.exec(text) ?? [];
  if (fd !== undefined) return { kind: 'inherited', name, fd: Number(fd), backlog: DEFAULT_BACKLOG };
  if (/^\.{0,2}\//.test(text))
    throw refuse(`'unix:${text.startsWith('/') ? text : '/path'}' to listen on a unix socket`);
  // What a variable of the environment holds.
  if (DIGITS.test(text)) return tcpPlan(name, undefined, checkPort(option, Number(text), text));
  if (text.includes('://')) throw refuse("an address without a scheme or path, e.g. 'localhost:3000'");
  const bracketed = /^\[([^[\]]*)\]:(\d{1,5})$/.exec(text);
  const plain = /^([^:]*):(\d{1,5})$/.exec(text);
  const [, host = '', port = ''] = bracketed ?? plain ?? [];
  if (bracketed === null && plain === null) {
    if (text.startsWith('[')) throw refuse("an IPv6 address in brackets and a port, e.g. '[::1]:3000'");
    if (text.split(':').length > 2) throw refuse("'host:port'; an IPv6 address goes in brackets, e.g. '[::1]:3000'");
    throw refuse(FORMS);
  }
  if (bracketed !== null && !isIPv6(host)) throw refuse('an IPv6 address inside the brackets');
  if (bracketed === null && host === '*') throw refuse(`':${port}' to listen on every address`);
  const plan = tcpPlan(name, host === '' ? undefined : host, checkPort(option, Number(port), text));
  if (plan.host !== undefined) checkHost(option, plan.host, text);
  return plan;
}

function parseSpec(option: string, spec: Readonly<Record<string, unknown>>, defaultName: string): ListenPlan {
  checkNames(option, spec, NAMES, () => HINTS);
  const name = spec.name === undefined ? defaultName : checkName(`${option}.name`, spec.name);
  const backlog =
    spec.backlog === undefined
      ? DEFAULT_BACKLOG
      : checkNumber(`${option}.backlog`, spec.backlog, { min: 1, max: 2 ** 31 - 1, integer: true });
  if (spec.fd !== undefined) return inheritedSpec(option, spec, name, backlog);
  return spec.path === undefined ? tcpSpec(option, spec, name, backlog) : unixSpec(option, spec, name, backlog);
}

function inheritedSpec(
  option: string,
  spec: Readonly<Record<string, unknown>>,
  name: string,
  backlog: number,
): InheritedPlan {
  for (const other of ['host', 'port', 'path', 'ipv6Only', 'network', 'mode', 'owner', 'group']) {
    if (spec[other] === undefined) continue;
    throw invalidOption(`${option}.${other}`, spec[other], `left out when '${option}.fd' is given`);
  }
  const fd = checkNumber(`${option}.fd`, spec.fd, { min: 0, max: 2 ** 31 - 1, integer: true, unit: 'a descriptor' });
  return { kind: 'inherited', name, fd, backlog };
}

function unixSpec(option: string, spec: Readonly<Record<string, unknown>>, name: string, backlog: number): UnixPlan {
  for (const other of ['host', 'port', 'ipv6Only', 'network']) {
    if (spec[other] !== undefined) {
      throw invalidOption(`${option}.${other}`, spec[other], `left out when '${option}.path' is given`);
    }
  }
  const mode =
    spec.mode === undefined
      ? undefined
      : checkNumber(`${option}.mode`, spec.mode, { min: 0, max: 0o777, integer: true, unit: '0o000 to 0o777' });
  const owner = checkOwner(`${option}.owner`, spec.owner, 'user');
  const group = checkOwner(`${option}.group`, spec.group, 'group');
  return { kind: 'unix', name, path: checkPath(`${option}.path`, spec.path), mode, owner, group, backlog };
}

/** An id, or a name. Digits are an id, as chown(1) has it for a name that does not exist. */
function checkOwner(option: string, value: unknown, what: 'user' | 'group'): number | string | undefined {
  const allowed = `the name or the id of a ${what}`;
  if (value === undefined || (typeof value === 'string' && !DIGITS.test(value)))
    return value === undefined ? value : checkString(option, value, allowed);
  if (typeof value !== 'number' && typeof value !== 'string') throw invalidOption(option, value, allowed);
  const id = Number(value);
  // (uid_t)-1 is "leave it alone" to chown(2).
  if (!Number.isInteger(id) || id < 0 || id > 2 ** 32 - 2) throw invalidOption(option, value, allowed, { range: true });
  return id;
}

function tcpSpec(option: string, spec: Readonly<Record<string, unknown>>, name: string, backlog: number): TcpPlan {
  for (const [other, what] of [
    ['mode', 'a mode'],
    ['owner', 'an owner'],
    ['group', 'a group'],
  ] as const) {
    if (spec[other] === undefined) continue;
    const why = `left out without '${option}.path': only unix sockets have ${what}`;
    throw invalidOption(`${option}.${other}`, spec[other], why);
  }
  if (spec.port === undefined) {
    throw invalidOption(`${option}.port`, undefined, `a port from 0 to 65535 (or give '${option}.path')`);
  }
  const port = checkPort(`${option}.port`, spec.port);
  const network =
    spec.network === undefined ? 'tcp' : checkOneOf(`${option}.network`, spec.network, ['tcp', 'tcp4', 'tcp6']);
  const host =
    spec.host === undefined ? undefined : checkHost(`${option}.host`, checkString(`${option}.host`, spec.host));
  const version = host === undefined ? 0 : isIP(host);
  if ((version === 4 && network === 'tcp6') || (version === 6 && network === 'tcp4')) {
    throw invalidOption(`${option}.network`, network, `'tcp' or 'tcp${version}' for the address ${host}`, {
      range: true,
    });
  }
  const ipv6Only = spec.ipv6Only === undefined ? undefined : checkBoolean(`${option}.ipv6Only`, spec.ipv6Only);
  if (ipv6Only === true && (version === 4 || network === 'tcp4')) {
    throw invalidOption(`${option}.ipv6Only`, ipv6Only, 'left out for an IPv4 address', { range: true });
  }
  // As in Go, 'tcp6' keeps IPv4 out unless asked otherwise, so that tcp4 and tcp6 listeners can have the same port.
  return { ...tcpPlan(name, host, port), network, ipv6Only: ipv6Only ?? network === 'tcp6', backlog };
}

function tcpPlan(name: string, host: string | undefined, port: number): TcpPlan {
  return { kind: 'tcp', name, host, port, network: 'tcp', ipv6Only: false, backlog: DEFAULT_BACKLOG };
}

/** @param shown What the caller wrote, when the port is part of it. */
function checkPort(option: string, port: unknown, shown: unknown = port): number {
  const allowed = 'a port from 0 to 65535';
  const number = typeof port === 'string' && DIGITS.test(port) ? Number(port) : port;
  if (typeof number !== 'number') throw invalidOption(option, shown, allowed);
  if (!Number.isInteger(number) || number < 0 || number > 65535)
    throw invalidOption(option, shown, allowed, { range: true });
  return number;
}

function checkHost(option: string, host: string, shown = host): string {
  const refuse = (allowed: string): Error => invalidOption(option, shown, allowed, { range: true });
  if (isIP(host) !== 0) return host;
  if (host.startsWith('[')) throw refuse('an IPv6 address without brackets');
  // getaddrinfo(3) would take '127.1' or '256.1.1.1' for an address that the user did not mean.
  if (/^[\d.]+$/.test(host) && !isIPv4(host)) throw refuse('an IPv4 address of four numbers from 0 to 255');
  const labels = host.endsWith('.') ? host.slice(0, -1) : host;
  if (
    labels.length > 253 ||
    !/^[\p{L}\p{N}_](?:[\p{L}\p{N}_-]{0,62})(?:\.[\p{L}\p{N}_][\p{L}\p{N}_-]{0,62})*$/u.test(labels)
  ) {
    throw refuse('a host name or a numeric address');
  }
  return host;
}

/**
 * Relative paths are made absolute at once: the file must be found again after a later `process.chdir()`; by the name of the directory,
 * because clients look for it behind the link that a deploy moves.
 */
function checkPath(option: string, value: unknown): string {
  const given = checkString(option, value, 'the path of a unix socket');
  if (given.endsWith('/'))
    throw invalidOption(option, given, 'the path of a file, not of a directory', { range: true });
  const path = resolve(logicalCwd(process.env, process.cwd()), given);
  if (Buffer.byteLength(path) > UNIX_PATH_MAX) {
    const allowed = `at most ${UNIX_PATH_MAX} bytes long (absolute, ${Buffer.byteLength(path)} now): use a shorter directory`;
    throw invalidOption(option, given, allowed, { range: true });
  }
  return path;
}

/**
 * The names travel in LISTEN_FDNAMES, whose rules these are (sd_listen_fds(3): printable ASCII, no colon, 255 at most).
 */
function checkName(option: string, value: unknown): string {
  const allowed = "1 to 255 printable ASCII characters without ':'";
  if (typeof value !== 'string') throw invalidOption(option, value, allowed);
  if (!/^[ -9;-~]{1,255}$/.test(value)) throw invalidOption(option, value, allowed, { range: true });
  return value;
}

function refuseDuplicates(plans: readonly ListenPlan[]): void {
  const names = new Map<string, number>();
  const places = new Map<string, number>();
  plans.forEach((plan, index) => {
    const named = names.get(plan.name);
    if (named !== undefined) {
      const allowed = `different from the name of listen[${named}] (a listener without a name is called after its index)`;
      throw invalidOption(`listen[${index}].name`, plan.name, allowed, { range: true });
    }
    names.set(plan.name, index);
    const place = placeOf(plan);
    const taken = place === undefined ? undefined : places.get(place);
    if (taken !== undefined) {
      throw invalidOption(`listen[${index}]`, place, `another address than listen[${taken}]`, { range: true });
    }
    if (place !== undefined) places.set(place, index);
  });
}

/** Plans with the same place cannot both be bound. Port 0 is another port every time. */
function placeOf(plan: ListenPlan): string | undefined {
  if (plan.kind === 'unix') return `unix:${plan.path}`;
  if (plan.kind === 'inherited') return `descriptor ${plan.fd}`;
  if (plan.port === 0) return undefined;
  const family = plan.host !== undefined && isIP(plan.host) !== 0 ? 'tcp' : plan.network;
  return `${family} ${plan.host?.toLowerCase() ?? '*'}:${plan.port}`;
}
