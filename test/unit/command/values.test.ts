import { expect, test } from 'vitest';
import { ARGUMENTS, type ArgumentName, parseArguments } from '../../../lib/command/arguments.js';
import { merged, VALUES, valuesOf } from '../../../lib/command/values.js';
import { availableCpus } from '../../../lib/options/cpus.js';
import { OPTIONS } from '../../../lib/options/table.js';

const optionsOf = (...argv: string[]) => valuesOf(parseArguments(argv).given);

test.each([
  [['--workers', '3'], { workers: 3 }],
  [['--workers', 'max'], { workers: availableCpus() }],
  [['--listen', '3000'], { listen: '3000' }],
  [['--listen', '3000', '--listen', 'unix:/run/a'], { listen: ['3000', 'unix:/run/a'] }],
  [['--sharing', 'sharded'], { sharing: 'sharded' }],
  [['--name', 'web', '--cwd', 'x'], { name: 'web', cwd: 'x' }],
  [['--uid', '1000', '--gid', '7'], { uid: 1000, gid: 7 }],
  [['--stdio', 'pipe'], { stdio: 'pipe' }],
  [['--stdio', 'ignore,pipe,2'], { stdio: ['ignore', 'pipe', 2] }],
  [['--ready-timeout', '1m', '--ready-for', '0'], { readyTimeout: 60_000, readyFor: 0 }],
  [['--grace', '10s', '--drain-timeout', '1h'], { shutdownGracePeriod: 10_000, drainTimeout: 3_600_000 }],
  [['--exit-after-drain'], { exitAfterDrain: true }],
  [['--exit-after-drain=2s'], { exitAfterDrain: 2_000 }],
  [['--max-surge', '2', '--max-draining', 'Infinity'], { maxSurge: 2, maxDraining: Infinity }],
  [['--on-master-death', 'kill'], { onMasterDeath: 'kill' }],
  [['--on-master-death', 'ignore'], { onMasterDeath: false }],
  [['--on-master-death', 'drain'], { onMasterDeath: undefined }],
  [
    ['--recycle-rss', '512M', '--recycle-age', '1h', '--recycle-requests', '9'],
    { recycle: { maxRss: 536_870_912, maxAge: 3_600_000, maxRequests: 9 } },
  ],
  [['--liveness-timeout', '5s'], { livenessTimeout: 5_000 }],
  [['--drain-delay', '5s'], { drainDelay: 5_000 }],
  [['--metrics', '9100'], { metrics: { port: 9_100 } }],
  [['--metrics', ':9100'], { metrics: { port: 9_100 } }],
  [['--metrics', '0.0.0.0:9100'], { metrics: { port: 9_100, host: '0.0.0.0' } }],
  [['--metrics', '[::1]:9100'], { metrics: { port: 9_100, host: '::1' } }],
  [['--recover-threshold', 'Infinity'], { recoverThreshold: Infinity }],
  [['--recover-window', 'Infinity', '--recover-interval', '50ms'], { recoverWindow: Infinity, recoverInterval: 50 }],
  [['--quiet'], { logger: false }],
  [['--watch', '--wait-ready', '--import', 'x', '-c', 'y'], {}],
])('%j', (argv, options) => {
  expect(optionsOf(...argv)).toStrictEqual(options);
});

test.runIf(process.platform !== 'win32')('users and groups may have their names', () => {
  expect(optionsOf('--uid', 'root', '--gid', process.platform === 'darwin' ? 'wheel' : 'root')).toEqual({
    uid: 0,
    gid: 0,
  });
});

test.each([
  [['--workers', '0'], "option '--workers' must be an integer from 1 to 65535; got '0'"],
  [['--workers', 'x'], "option '--workers' must be 'max', a number, or a share of the CPUs such as 50%; got 'x'"],
  [['--grace', '1x'], "option '--grace' must be a time such as 500ms, 10s, 5m, 1h, or milliseconds; got '1x'"],
  [['--grace', '999h'], "option '--grace' must be a number from 0 to 2147483647 (milliseconds); got '999h'"],
  [['--shutdown-grace-period', 'x'], "option '--shutdown-grace-period' must be a time"],
  [['--recycle-rss', '0'], /^option '--recycle-rss' must be an integer from 1 to \d+; got '0'$/],
  [['--recycle-rss', 'x'], "option '--recycle-rss' must be a size such as 512M, 2G, or bytes; got 'x'"],
  [['--sharing', 'x'], "option '--sharing' must be one of 'shared', 'sharded', 'reuseport'; got 'x'"],
  [['--on-master-death', 'x'], "option '--on-master-death' must be one of 'drain', 'kill', 'ignore'; got 'x'"],
  [['--listen', '1', '--listen', '70000'], "option '--listen' must be a port from 0 to 65535; got '70000'"],
  [['--listen', '1', '--listen', '1'], "option '--listen' must be another address than listen[0]; got '1, 1'"],
  [['--uid', 'no such user'], "must be the id or the name of a user of this machine; got 'no such user'"],
  [['--gid', 'no such group'], "must be the id or the name of a group of this machine; got 'no such group'"],
  [['--stdio', 'pipe,x'], /^option '--stdio' must be 'inherit', .*; got 'pipe,x'$/],
  [['--metrics', 'x'], "option '--metrics' must be a port, 'host:port' or '[ipv6]:port'; got 'x'"],
  [['--metrics', '70000'], "got '70000'"],
  [['--liveness-timeout', '5'], "option '--liveness-timeout' must be a number from 100"],
])('a wrong value: option, value and what is allowed: %j', (argv, message) => {
  expect(() => optionsOf(...argv)).toThrow(message);
});

test('an option of the command line outranks the same one of the configuration file, a single limit of recycle too', () => {
  const config = { workers: 2, onMasterDeath: 'kill', recycle: { maxAge: 5, maxRss: 9 }, name: 'x' } as const;
  const line = optionsOf('--workers', '3', '--on-master-death', 'drain', '--recycle-age', '7');
  expect(merged(config, line)).toEqual({
    workers: 3,
    onMasterDeath: undefined,
    recycle: { maxAge: 7, maxRss: 9 },
    name: 'x',
  });
});

/** Options of `prefork()` without one of the command, and why. */
const NOT_ON_THE_LINE: Readonly<Record<string, string>> = {
  serve: 'the program',
  tls: 'the program has its own',
  readiness: 'wait-ready',
  commandProducer: 'a function',
  onChildSpawn: 'a function',
  onMasterReady: 'a function',
  onChildRecover: 'a function',
  onChildExit: 'a function',
  logger: 'quiet',
  signals: 'the command is the master',
  scoreboard: 'it costs too little to ask',
  exec: 'the program',
  args: 'behind the program',
  execArgv: 'node-options',
  env: 'env-file',
  groups: 'those of the user',
  cluster: 'node:cluster shows a worker anyway',
};

test('every option of prefork() has one of the command, or a reason', () => {
  const reached = Object.values(VALUES).map(({ to }) => to.split('.')[0]);
  const without = Object.keys(OPTIONS).filter((name) => !reached.includes(name));
  expect(without.sort()).toEqual(Object.keys(NOT_ON_THE_LINE).sort());
});

test('every option of the command is in its table, and every value leads to an option of prefork()', () => {
  for (const name of Object.keys(VALUES)) expect(ARGUMENTS).toHaveProperty(name as ArgumentName);
  for (const { to } of Object.values(VALUES)) expect(Object.keys(OPTIONS)).toContain(to.split('.')[0]);
});
