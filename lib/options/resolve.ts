/** Defaults and validation. Pure but for two things: how many CPUs there are, and where relative paths begin. */

import type { Server } from 'node:net';
import { invalidOption } from '../common/errors.js';
import type { Logger, PreforkOptions, Serve } from '../types.js';
import {
  checkBoolean,
  checkFunction,
  checkMilliseconds,
  checkNames,
  checkNumber,
  checkObject,
  checkOneOf,
  checkString,
} from './check.js';
import { refuseConflicts } from './conflicts.js';
import { availableCpus } from './cpus.js';
import { checkLaunch } from './launch.js';
import { parseListen } from './listen.js';
import { checkRecovery } from './recovery.js';
import { checkRecycle } from './recycle.js';
import type { Hooks, Settings } from './settings.js';
import { absoluteFiles, checkTls } from './tls.js';

/** Defaults that are plain values. Milliseconds but for `maxSurge`. */
const DEFAULTS = {
  readyTimeout: 30_000,
  readyFor: 1_000,
  shutdownGracePeriod: 5_000,
  maxSurge: 1,
  drainTimeout: 30_000,
} as const;
/** Shorter than a garbage collection may take is no sign of anything. Milliseconds. */
const LIVENESS_MIN = 100;

const NAMES = [
  ...['serve', 'listen', 'name', 'workers', 'sharing', 'tls', 'recoverThreshold', 'recoverWindow', 'recoverInterval'],
  ...['readiness', 'readyTimeout', 'readyFor', 'shutdownGracePeriod', 'maxSurge', 'drainTimeout', 'maxDraining'],
  ...['exitAfterDrain', 'livenessTimeout', 'recycle'],
  ...['onChildSpawn', 'onMasterReady', 'onChildRecover', 'onChildExit', 'onMasterDeath', 'commandProducer'],
  ...['logger', 'signals', 'exec', 'args', 'execArgv', 'cwd', 'env', 'stdio', 'uid', 'gid', 'groups'],
];

/** Names that other libraries have for the same thing. */
const HINTS = {
  port: 'listen',
  host: 'listen',
  address: 'listen',
  addr: 'listen',
  path: 'listen',
  backlog: 'listen',
  network: 'listen',
  processes: 'workers',
  instances: 'workers',
  children: 'workers',
  reuseport: "sharing: 'reuseport'",
  reusePort: "sharing: 'reuseport'",
  gracePeriod: 'shutdownGracePeriod',
  minUptime: 'readyFor',
  killTimeout: 'shutdownGracePeriod',
  log: 'logger',
};

/**
 * Checks every option and fills in the defaults.
 * @param defaultName Fleet name when the caller gave none.
 * @param cpus Default number of workers.
 * @throws TypeError or RangeError with `ERR_PREFORK_INVALID_OPTION`, naming the option, the value and what is allowed.
 */
export function resolveOptions(
  options: PreforkOptions,
  defaultName: string,
  cpus: () => number = availableCpus,
): Settings {
  const given = checkObject('options', options, 'an object with serve and listen');
  checkNames('', given, NAMES, HINTS);
  const serve = checkServe(options.serve);
  const listen = parseListen(options.listen);
  const workers =
    options.workers === undefined
      ? cpus()
      : checkNumber('workers', options.workers, { min: 1, max: 65_535, integer: true });
  const sharing =
    options.sharing === undefined
      ? 'shared'
      : checkOneOf('sharing', options.sharing, ['shared', 'sharded', 'reuseport']);
  const readiness =
    options.readiness === undefined ? 'listening' : checkOneOf('readiness', options.readiness, ['listening', 'spawn']);
  const settings: Settings = {
    name: options.name === undefined ? defaultName : checkFleetName(options.name),
    serve,
    listen,
    workers,
    sharing,
    tls: options.tls === undefined ? undefined : absoluteFiles(checkTls(options.tls)),
    recovery: checkRecovery(options, workers),
    readiness,
    readyTimeout:
      options.readyTimeout === undefined
        ? DEFAULTS.readyTimeout
        : checkMilliseconds('readyTimeout', options.readyTimeout, 1),
    readyFor: options.readyFor === undefined ? DEFAULTS.readyFor : checkMilliseconds('readyFor', options.readyFor, 0),
    gracePeriod:
      options.shutdownGracePeriod === undefined
        ? DEFAULTS.shutdownGracePeriod
        : checkMilliseconds('shutdownGracePeriod', options.shutdownGracePeriod, 0),
    maxSurge:
      options.maxSurge === undefined
        ? DEFAULTS.maxSurge
        : checkNumber('maxSurge', options.maxSurge, { min: 1, max: 65_535, integer: true }),
    drainTimeout:
      options.drainTimeout === undefined
        ? DEFAULTS.drainTimeout
        : checkMilliseconds('drainTimeout', options.drainTimeout, 0),
    maxDraining:
      options.maxDraining === undefined
        ? Number.POSITIVE_INFINITY
        : checkNumber('maxDraining', options.maxDraining, { min: 1, max: 65_535, integer: true, orInfinity: true }),
    exitAfterDrain: checkExitAfterDrain(options.exitAfterDrain),
    recycle: checkRecycle(options.recycle),
    livenessTimeout:
      options.livenessTimeout === undefined
        ? undefined
        : checkMilliseconds('livenessTimeout', options.livenessTimeout, LIVENESS_MIN),
    hooks: checkHooks(options),
    onMasterDeath: checkMasterDeath(options.onMasterDeath),
    commandProducer:
      options.commandProducer === undefined ? undefined : checkFunction('commandProducer', options.commandProducer),
    logger: checkLogger(options.logger),
    signals: options.signals === undefined ? true : checkBoolean('signals', options.signals),
    launch: checkLaunch(options),
  };
  refuseConflicts(settings);
  return settings;
}

function checkServe(value: unknown): Serve | Server {
  const allowed = 'a function (listener, worker) => server, or a net, http, https or HTTP/2 server';
  if (typeof value === 'function') {
    // An Express application is a function too: called as `serve` it would take the listener for a request.
    if ('listen' in value && typeof value.listen === 'function') {
      throw invalidOption('serve', value, `${allowed}; for an application use (listener) => app.listen(listener)`);
    }
    return value as Serve;
  }
  if (typeof value !== 'object' || value === null) throw invalidOption('serve', value, allowed);
  // By shape: a server of another copy of node:net (Bun, a mock) is as good.
  const server = value as Partial<Server>;
  const methods = [server.listen, server.close, server.address, server.on];
  if (!methods.every((method) => typeof method === 'function') || typeof server.listening !== 'boolean') {
    const hint = typeof server.listen === 'function' ? '; for an application pass its server, or a function' : '';
    throw invalidOption('serve', value, `${allowed}${hint}`);
  }
  if (server.listening) {
    const advice = 'a server that does not listen yet: leave out your own listen() call, workers listen by themselves';
    throw invalidOption('serve', value, advice, { range: true, shown: 'a server that listens already' });
  }
  return server as Server;
}

/** Travels in an environment variable and stands in every log line. */
function checkFleetName(value: unknown): string {
  const allowed = '1 to 255 characters, none of them a control character';
  const name = checkString('name', value, allowed);
  if (name.length > 255 || /\p{Cc}/u.test(name)) throw invalidOption('name', name, allowed, { range: true });
  return name;
}

function checkHooks(options: PreforkOptions): Hooks {
  const { onChildSpawn, onMasterReady, onChildRecover, onChildExit } = options;
  const hooks: Hooks = { onChildSpawn, onMasterReady, onChildRecover, onChildExit };
  for (const [name, hook] of Object.entries(hooks)) if (hook !== undefined) checkFunction(name, hook);
  return hooks;
}

function checkExitAfterDrain(value: unknown): number | undefined {
  if (value === undefined || value === false) return undefined;
  return value === true ? 0 : checkMilliseconds('exitAfterDrain', value, 0);
}

function checkMasterDeath(value: unknown): PreforkOptions['onMasterDeath'] {
  if (value === undefined || value === false || value === 'kill') return value;
  const allowed = "a function, 'kill' or false";
  if (typeof value === 'string') throw invalidOption('onMasterDeath', value, allowed, { range: true });
  return checkFunction('onMasterDeath', value as () => void, allowed);
}

function checkLogger(value: unknown): Logger | false | undefined {
  if (value === undefined || value === false) return value;
  const allowed = 'an object with the methods info, warn and error (console, pino), or false';
  // console is an object; some loggers are functions with methods.
  const logger = (typeof value === 'function' ? value : checkObject('logger', value, allowed)) as Partial<Logger>;
  for (const level of ['info', 'warn', 'error'] as const) {
    const method = methodOf(logger, level);
    if (typeof method !== 'function') {
      throw invalidOption(`logger.${level}`, method, `a function: 'logger' is ${allowed}`);
    }
  }
  return logger as Logger;
}

/** A getter that throws has no method. */
function methodOf(logger: Partial<Logger>, level: keyof Logger): unknown {
  try {
    return logger[level];
  } catch {
    return undefined;
  }
}
