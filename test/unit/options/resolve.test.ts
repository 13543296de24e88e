import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { hints } from '../../../lib/options/hints.js';
import { resolveOptions } from '../../../lib/options/resolve.js';
import type { Settings } from '../../../lib/options/settings.js';
import { OPTIONS } from '../../../lib/options/table.js';
import type { PreforkOptions } from '../../../lib/types.js';
import { BAD_ADDRESSES, BAD_OPTIONS } from '../../helpers/bad-options.js';

const serve = (): void => {};

function resolve(options: Readonly<Record<string, unknown>> = {}): Settings {
  return resolveOptions({ serve, listen: 0, ...options } as unknown as PreforkOptions, 'default', () => 3);
}

function absent(names: readonly string[]): Readonly<Record<string, undefined>> {
  return Object.fromEntries(names.map((name) => [name, undefined]));
}

function errorOf(step: () => unknown): Error & { code?: unknown; option?: unknown } {
  try {
    step();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}

describe('bad options', () => {
  test.each(BAD_OPTIONS)('$what is refused as $option', ({ options, option, error: name }) => {
    const error = errorOf(() => resolve(options));
    expect({ code: error.code, option: error.option, name: error.name }).toEqual({
      code: 'ERR_PREFORK_INVALID_OPTION',
      option,
      name,
    });
    expect(error.message).toMatch(
      /^(Option '.+' must be |There is no option '.+': (did you mean|there are) ).+; got .+/s,
    );
    expect(error.message).toContain(`'${option}'`);
  });

  test.each(BAD_ADDRESSES)('C18 the address %j is refused', (listen) => {
    const error = errorOf(() => resolve({ listen }));
    expect(error).toMatchObject({ code: 'ERR_PREFORK_INVALID_OPTION', option: 'listen' });
    expect(error).toBeInstanceOf(RangeError);
  });

  test('the lists cover every option, with at least 60 cases and 20 addresses', () => {
    expect(BAD_OPTIONS.length).toBeGreaterThanOrEqual(60);
    expect(BAD_ADDRESSES.length).toBeGreaterThanOrEqual(20);
    const covered = new Set(BAD_OPTIONS.map(({ option }) => option.split(/[.[]/, 1)[0]));
    expect(Object.keys(OPTIONS).filter((name) => !covered.has(name))).toEqual([]);
  });

  test.each([undefined, null, 1, 'options', [], () => {}])('options: %s are refused', (options) => {
    const error = errorOf(() => resolveOptions(options as unknown as PreforkOptions, '0'));
    expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_PREFORK_INVALID_OPTION', option: 'options' });
  });

  test.each([
    ['worker', "'workers'"],
    ['Workers', "'workers'"],
    ['onMasterReayd', "'onMasterReady'"],
    ['recoverTreshold', "'recoverThreshold'"],
    ['shutdown_grace_period', "'shutdownGracePeriod'"],
    ['port', "'listen'"],
    ['instances', "'workers'"],
    ['exce', "'exec'"],
    ['reusePort', "sharing: 'reuseport'"],
    ['user', "'uid'"],
    ['onWorkerSpawn', "'onChildSpawn'"],
    ['on_worker_boot', "'onChildSpawn'"],
    ['onWorkerExit', "'onChildExit'"],
    ['shutdownTimeout', "'shutdownGracePeriod'"],
    ['stopTimeout', "'shutdownGracePeriod'"],
    ['kill_timeout', "'shutdownGracePeriod'"],
    ['wait-ready', "'readiness'"],
    ['max_memory_restart', 'recycle: { maxRss }'],
    ['timeout', "'readyTimeout', 'livenessTimeout', 'drainTimeout' or 'shutdownGracePeriod'"],
  ])('the option %s, which does not exist, is answered with %s', (wrong, right) => {
    const { message } = errorOf(() => resolve({ [wrong]: 2 }));
    expect(message).toBe(`There is no option '${wrong}': did you mean ${right}?; got 2`);
  });

  test.each(Object.entries(hints()))(
    'the hint for %s names an option that there is, and %s is none itself',
    (name, meant) => {
      const names =
        meant.includes("'") && !meant.startsWith('sharing') ? meant.match(/\w+(?=')/g) : [/^\w+/.exec(meant)?.[0]];
      for (const option of names ?? []) expect(Object.keys(OPTIONS)).toContain(option);
      expect(Object.keys(OPTIONS)).not.toContain(name);
    },
  );

  test.each([
    [{ zebra: 1 }, /^There is no option 'zebra': there are serve, listen, .*groups; got 1$/],
    [
      { recycle: { zebra: 1 } },
      "There is no option 'recycle.zebra': there are maxAge, maxRequests, maxRss, jitter; got 1",
    ],
    [{ listen: { hots: 'a' } }, `There is no option 'listen.hots': did you mean 'listen.host'?; got "a"`],
    [{ listen: [{ socket: '/s' }] }, `There is no option 'listen[0].socket': did you mean 'listen[0].path'?; got "/s"`],
    [{ tls: { cert_file: 'a' } }, "There is no option 'tls.cert_file': did you mean 'tls.certFile'?; got (not shown)"],
  ])(
    'an option that resembles none is answered with those that there are, one inside of another with its path: %o',
    (options, message) => {
      expect(errorOf(() => resolve(options)).message).toEqual(
        typeof message === 'string' ? message : expect.stringMatching(message),
      );
    },
  );

  test.each([
    ['serve', { serve: 1, listen: 'x' }],
    ['workers', { name: 1, workers: 0 }],
    ['sharing', { name: 1, sharing: 1 }],
    ['readiness', { name: 1, readiness: 1 }],
    ['readiness', { tls: 1, recoverWindow: 0, readiness: 1 }],
    ['name', { name: 1, tls: 1 }],
    ['recycle', { livenessTimeout: 0, recycle: 1 }],
    ['livenessTimeout', { livenessTimeout: 0, onChildSpawn: 1 }],
    ['signals', { exec: 1, signals: 1 }],
    ['nonsense', { nonsense: 1, serve: 1 }],
  ])('of several wrong options %s is reported: %o', (option, options) => {
    expect(errorOf(() => resolve(options)).option).toBe(option);
  });

  test('a secret never stands in a message', () => {
    for (const tls of [
      { key: 'SECRET', keyFile: '/k', cert: 'c' },
      { key: 'k', cert: 'c', pasphrase: 'SECRET' },
      { key: 'k', cert: 'c', ticketKeys: 'SECRET' },
    ]) {
      expect(errorOf(() => resolve({ tls })).message).not.toContain('SECRET');
    }
  });
});

describe('good options', () => {
  test('a prefix for lines makes them pass through the master, unless stdio says where they go', () => {
    expect(resolve({ linePrefix: true }).launch).toMatchObject({
      linePrefix: '[{slot} {pid}] ',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    expect(resolve({ linePrefix: 'x{pid}', stdio: ['ignore', 'pipe'] }).launch).toMatchObject({
      linePrefix: 'x{pid}',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    expect(resolve({ linePrefix: false }).launch).toMatchObject({
      linePrefix: undefined,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    expect(resolve({ logFormat: 'json', logger: false })).toMatchObject({ logFormat: 'json', logger: false });
  });

  test('everything but serve and listen has a default', () => {
    expect(resolve()).toEqual({
      name: 'default',
      serve,
      listen: [{ kind: 'tcp', name: '0', host: undefined, port: 0, network: 'tcp', ipv6Only: false, backlog: 4096 }],
      workers: 3,
      sharing: 'shared',
      tls: undefined,
      recovery: {
        threshold: 15,
        window: 60_000,
        interval: { kind: 'backoff', initial: 100, max: 30_000, factor: 2, jitter: 0.2 },
      },
      readiness: 'listening',
      readyTimeout: 30_000,
      readyFor: 1_000,
      gracePeriod: 5_000,
      drainDelay: 0,
      maxSurge: 1,
      drainTimeout: 30_000,
      maxDraining: Number.POSITIVE_INFINITY,
      recycle: undefined,
      livenessTimeout: undefined,
      metrics: undefined,
      hooks: {},
      onMasterDeath: undefined,
      commandProducer: undefined,
      logger: undefined,
      signals: true,
      scoreboard: true,
      logFormat: 'text',
      cluster: false,
      launch: {
        exec: undefined,
        args: undefined,
        execArgv: undefined,
        cwd: undefined,
        env: undefined,
        stdio: ['ignore', 'inherit', 'inherit'],
        uid: undefined,
        gid: undefined,
        groups: undefined,
        inspectable: false,
        byActivation: false,
      },
    });
  });

  test('an option that is undefined is absent', () => {
    const names = Object.entries(OPTIONS).flatMap(([name, option]) => ('otherwise' in option ? [name] : []));
    expect(names.length).toBe(Object.keys(OPTIONS).length - 2);
    expect(resolve(absent([...names, 'nonsense']))).toEqual(resolve());
  });

  test('what is undefined inside of an option is absent', () => {
    expect(resolve({ recoverInterval: absent(['initial', 'max', 'factor', 'jitter']) })).toEqual(resolve());
    const recycle = { maxAge: 1_000, ...absent(['maxRequests', 'maxRss', 'jitter']) };
    expect(resolve({ recycle })).toEqual(resolve({ recycle: { maxAge: 1_000 } }));
    const tcp = absent(['host', 'path', 'name', 'backlog', 'ipv6Only', 'network', 'mode']);
    expect(resolve({ listen: { port: 0, ...tcp } })).toEqual(resolve());
    const unix = absent(['host', 'port', 'name', 'backlog', 'ipv6Only', 'network', 'mode']);
    expect(resolve({ listen: { path: '/run/a.sock', ...unix } })).toEqual(resolve({ listen: 'unix:/run/a.sock' }));
    const tls = { key: 'key', cert: 'cert' };
    expect(resolve({ tls: { ...tls, ...absent(['keyFile', 'certFile', 'ca']) } }).tls).toMatchObject(tls);
  });

  test('the default threshold is five recoveries per worker', () => {
    expect(resolve({ workers: 8 }).recovery.threshold).toBe(40);
  });

  test('Infinity is allowed where it means "never" or "always"', () => {
    const { recovery } = resolve({ recoverThreshold: Infinity, recoverWindow: Infinity });
    expect(recovery).toMatchObject({ threshold: Infinity, window: Infinity });
  });

  test('zero is allowed where it means "at once"', () => {
    const { recovery, gracePeriod } = resolve({ recoverThreshold: 0, recoverInterval: 0, shutdownGracePeriod: 0 });
    expect(recovery).toMatchObject({ threshold: 0, interval: { kind: 'fixed', delay: 0 } });
    expect(gracePeriod).toBe(0);
  });

  test('a backoff keeps the defaults of what it does not say', () => {
    expect(resolve({ recoverInterval: { initial: 5, jitter: 0 } }).recovery.interval).toEqual({
      kind: 'backoff',
      initial: 5,
      max: 30_000,
      factor: 2,
      jitter: 0,
    });
  });

  test('the longest timer is accepted', () => {
    const longest = 2 ** 31 - 1;
    const settings = resolve({ readyTimeout: longest, shutdownGracePeriod: longest, drainTimeout: longest });
    expect(settings).toMatchObject({ readyTimeout: longest, gracePeriod: longest });
  });

  test.each([
    ['inherit', ['inherit', 'inherit', 'inherit']],
    ['pipe', ['pipe', 'pipe', 'pipe']],
    [[], ['ignore', 'inherit', 'inherit']],
    [['inherit'], ['inherit', 'inherit', 'inherit']],
    [
      [undefined, null, 'pipe'],
      ['ignore', 'inherit', 'pipe'],
    ],
    [
      [0, 1, 7],
      [0, 1, 7],
    ],
    [
      ['ignore', { fd: 9 }, process.stderr],
      ['ignore', 9, 2],
    ],
  ])('stdio %o is understood', (stdio, entries) => {
    expect(resolve({ stdio }).launch.stdio).toEqual(entries);
  });

  test('launch options are taken as they are', () => {
    const launch = {
      exec: 'python3',
      args: ['-u', ''],
      execArgv: [],
      cwd: '.',
      env: { A: '', B: undefined },
      uid: 0,
      gid: 65_534,
      groups: [],
    };
    expect(resolve(launch).launch).toEqual({
      ...launch,
      inspectable: false,
      byActivation: false,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
  });

  test('commandProducer goes with uid and gid', () => {
    const commandProducer = (): void => {};
    expect(resolve({ commandProducer, uid: 1, gid: 1 })).toMatchObject({ commandProducer, launch: { uid: 1, gid: 1 } });
  });

  test.each([createServer(), createHttpServer(), createHttp2Server()])('serve may be a server: %o', (server) => {
    expect(resolve({ serve: server }).serve).toBe(server);
  });

  test('console, a function with the methods and false are loggers', () => {
    const callable = Object.assign(() => {}, { info() {}, warn() {}, error() {} });
    for (const logger of [console, callable, false]) expect(resolve({ logger }).logger).toBe(logger);
  });

  test.each([() => {}, 'kill', false])('onMasterDeath may be %s', (onMasterDeath) => {
    expect(resolve({ onMasterDeath }).onMasterDeath).toBe(onMasterDeath);
  });

  test("readiness 'spawn' goes with shared sockets, and with reuseport when all sockets are unix sockets", () => {
    expect(resolve({ readiness: 'spawn' }).readiness).toBe('spawn');
    const listen = 'unix:/tmp/x.sock';
    expect(resolve({ readiness: 'spawn', sharing: 'reuseport', listen }).sharing).toBe('reuseport');
  });
});
