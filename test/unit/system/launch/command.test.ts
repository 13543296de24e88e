import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { logicalCwd, type Program } from '../../../../lib/common/program.js';
import { resolveOptions } from '../../../../lib/options/resolve.js';
import { buildCommand, type Own, producersCommand } from '../../../../lib/system/launch/command.js';
import type { Launch } from '../../../../lib/system/system.js';
import type { PreforkOptions } from '../../../../lib/types.js';

const program: Program = {
  execPath: '/usr/bin/node',
  execArgv: ['--enable-source-maps'],
  argv: ['/usr/bin/node', '/srv/app/server.mjs', '--verbose'],
  env: { PATH: '/bin', PREFORK_CHILD: 'stale', PREFORK_CHILD_SIBLING: 'kept', LISTEN_PID: '1', NODE_CHANNEL_FD: '3' },
  cwd: '/srv/app',
  physicalCwd: '/srv/app',
  cwdIsNamed: true,
  isSingleExecutable: false,
  preload: () => '/srv/app/node_modules/prefork/dist/preload.cjs',
};

function command(
  options: Partial<PreforkOptions> = {},
  of: Partial<Program> = {},
  slot = 1,
  own: Own = {},
  scoreboard?: Launch['scoreboard'],
) {
  const settings = resolveOptions({ serve: () => {}, listen: 0, ...options }, '7').launch;
  const listener = (name: string, fd: number | null) => ({
    address: { name, family: 'IPv4' as const, address: '127.0.0.1', port: 80 },
    fd,
    wire: { name, family: 'IPv4' as const, address: '127.0.0.1', boundAs: '127.0.0.1', backlog: 1, ipv6Only: false },
    close() {},
  });
  const launch: Launch = {
    fleet: '7',
    slot,
    generation: 2,
    listeners: [listener('web', 20), listener('own', null), listener('admin', 21)],
    asks: false,
    adopts: false,
    scoreboard,
    diesWithMaster: false,
    settings,
    program: { ...program, ...of },
    commandProducer: undefined,
  };
  return producersCommand(buildCommand(launch, 30, undefined, own));
}

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

test('a worker is this program, executed again behind the preload', () => {
  const { file, args } = command();
  expect(file).toBe('/usr/bin/node');
  expect(args[0]).toBe('--require');
  expect(args[1]).toMatch(/preload\.cjs$/);
  expect(args.slice(2)).toEqual(['--enable-source-maps', './server.mjs', '--verbose']);
});

test('only a worker with readiness spawn is one that finds its listeners by LISTEN_FDS', () => {
  expect(command().env).not.toHaveProperty('PREFORK_BY_ACTIVATION');
  const { env, args } = command({ readiness: 'spawn', exec: 'worker.mjs' });
  expect(env).toMatchObject({ PREFORK_BY_ACTIVATION: '1', LISTEN_FDS: '2', LISTEN_FDNAMES: 'web:admin' });
  // The preload is what watches the master.
  expect(args[0]).toBe('--require');
});

test('the script is absolute when it lies outside the working directory or the workers get another one', () => {
  expect(command({}, { cwd: '/home', physicalCwd: '/home' }).args).toContain('/srv/app/server.mjs');
  expect(command({ cwd: '/' }).args).toContain('/srv/app/server.mjs');
});

test('code given with -e travels in execArgv', () => {
  const { args } = command({}, { execArgv: ['-e', 'code'], argv: ['/usr/bin/node', 'argument'] });
  expect(args.slice(2)).toEqual(['-e', 'code', '--', 'argument']);
});

test('a program read from standard input cannot be executed again, and says what to do', () => {
  expect(() => command({}, { argv: ['/usr/bin/node'] })).toThrow(
    expect.objectContaining({ code: 'ERR_PREFORK_UNSUPPORTED', message: expect.stringMatching(/exec/) }),
  );
});

test('exec may be a script, node itself, or any program, which gets no preload', () => {
  expect(command({ exec: '/srv/worker.mjs', args: ['a'] }).args.slice(-2)).toEqual(['/srv/worker.mjs', 'a']);
  expect(command({ exec: 'node', args: ['w.js'] })).toMatchObject({
    file: 'node',
    args: expect.arrayContaining(['--require', 'w.js']),
  });
  expect(command({ exec: 'python3', args: ['w.py'] })).toMatchObject({ file: 'python3', args: ['w.py'] });
  expect(command({ exec: 'python3' }).args).toEqual([]);
});

const single: Partial<Program> = {
  isSingleExecutable: true,
  execPath: '/srv/app/server',
  execArgv: ['--no-warnings'],
  argv: ['/srv/app/server', './server', '--port', '80'],
};

test('a worker of a single executable gets the arguments of the user alone, and its flags in NODE_OPTIONS', () => {
  const { file, args, env } = command({ livenessTimeout: 5_000, execArgv: ['--title=a "b" \\c'] }, single);
  expect(file).toBe('/srv/app/server');
  expect(args).toEqual(['--port', '80']);
  expect(env).toMatchObject({
    NODE_OPTIONS:
      '--require /srv/app/node_modules/prefork/dist/preload.cjs --inspect-port=0 --inspect-publish-uid=http "--title=a \\"b\\" \\\\c"',
    PREFORK_NODE_OPTIONS: '',
  });
  const own = command({ env: { NODE_OPTIONS: '--trace-exit' } }, single).env;
  expect(own).toMatchObject({
    NODE_OPTIONS: '--require /srv/app/node_modules/prefork/dist/preload.cjs --trace-exit',
    PREFORK_NODE_OPTIONS: '--trace-exit',
  });
  expect(command({ args: ['a'] }, single).args).toEqual(['a']);
  expect(command({ exec: '/srv/app/server' }, single).args).toEqual([]);
});

test('a single executable that starts the debugger by itself gets the port in NODE_OPTIONS, and liveness does not move it', () => {
  const own = { ...single, execArgv: ['--inspect'] };
  const preload = '--require /srv/app/node_modules/prefork/dist/preload.cjs';
  const optionsOf = (port?: number, options = {}) => command(options, own, 1, { debugPort: port }).env['NODE_OPTIONS'];
  expect(optionsOf(9230)).toBe(`${preload} --inspect-port=9230`);
  expect(optionsOf(9230, { livenessTimeout: 5_000 })).toBe(`${preload} --inspect-port=9230`);
  expect(optionsOf()).toBe(preload);
});

test('a single executable runs another program, and no script but its own', () => {
  expect(command({ exec: 'node', args: ['w.mjs'] }, single)).toMatchObject({
    file: 'node',
    args: ['--require', '/srv/app/node_modules/prefork/dist/preload.cjs', 'w.mjs'],
  });
  expect(command({ exec: 'node', args: ['w.mjs'] }, single).env).not.toHaveProperty('NODE_OPTIONS');
  expect(() => command({ exec: './w.mjs' }, single)).toThrow(
    expect.objectContaining({ code: 'ERR_PREFORK_UNSUPPORTED', message: expect.stringMatching(/exec.*\.\/w\.mjs/) }),
  );
});

test('C4 stale variables are stripped, look-alikes are kept, exactly one canonical marker is there', () => {
  const { env } = command();
  expect(env).toEqual({
    PATH: '/bin',
    PREFORK_CHILD_SIBLING: 'kept',
    PREFORK_CHILD: '1',
    PREFORK_FLEET: '7',
    PREFORK_SLOT: '1',
    PREFORK_GENERATION: '2',
    PREFORK_MASTER_PID: String(process.pid),
    PREFORK_CONTROL_FD: '5',
    LISTEN_FDS: '2',
    LISTEN_FDNAMES: 'web:admin',
  });
  expect(command({ env: { ONLY: 'this', GONE: undefined } }).env).not.toHaveProperty('PATH');
});

test('descriptors: stdio, inherited listeners in order, the control channel', () => {
  const { stdio, files } = command();
  expect(stdio).toEqual(['ignore', 'inherit', 'inherit', 20, 21, 30]);
  expect(files.map(({ fd, name }) => [fd, name])).toEqual([
    [20, 'web'],
    [21, 'admin'],
  ]);
});

test('a worker is told where it counts, that it reports what it counts, or nothing', () => {
  const shared = command({}, {}, 1, {}, { fd: 40, row: 9 });
  expect(shared.stdio.slice(3)).toEqual([20, 21, 30, 40]);
  expect(shared.env).toMatchObject({ PREFORK_SCOREBOARD_FD: '6', PREFORK_SCOREBOARD_ROW: '9' });
  const reported = command({}, {}, 1, {}, null);
  expect(reported.stdio.slice(3)).toEqual([20, 21, 30]);
  expect(reported.env).toMatchObject({ PREFORK_SCOREBOARD_ROW: '0' });
  expect(reported.env).not.toHaveProperty('PREFORK_SCOREBOARD_FD');
  expect(Object.keys(command().env).filter((name) => name.includes('SCOREBOARD'))).toEqual([]);
});

test('every worker gets a debugger port of its own', () => {
  const ports = (argument: string) => command({ execArgv: [argument] }, {}, 3).args[2];
  expect(ports('--inspect')).toBe('--inspect=9233');
  expect(ports('--inspect-brk=127.0.0.1:5000')).toBe('--inspect-brk=127.0.0.1:5004');
  expect(ports('--inspect=0.0.0.0')).toBe('--inspect=0.0.0.0:9233');
  expect(ports('--inspect=0')).toBe('--inspect=0');
  expect(ports('--inspect-publish-uid=http')).toBe('--inspect-publish-uid=http');
});

test('a debugger that NODE_OPTIONS asks for is moved, too, and nothing else in it is', () => {
  const options = (NODE_OPTIONS: string, own?: Own) =>
    command({}, { env: { NODE_OPTIONS } }, 3, own).env['NODE_OPTIONS'];
  expect(options('--inspect')).toBe('--inspect=9233');
  expect(options('--trace-gc --inspect=9530 --title="a b"')).toBe('--trace-gc --inspect=9534 "--title=a b"');
  expect(options('"--inspect=9530" --trace-gc')).toBe('--inspect=9534 --trace-gc');
  expect(options('--inspect-brk=0.0.0.0:5000')).toBe('--inspect-brk=0.0.0.0:5004');
  expect(options('--inspect=0')).toBe('--inspect=0');
  expect(options('--inspect --inspect-port 5000')).toBe('--inspect=9233 --inspect-port 5004');
  expect(options('--inspect=5000', { debugPort: 6_000 })).toBe('--inspect=6000');
  expect(options('--max-old-space-size=99  --inspect-publish-uid=http')).toBe(
    '--max-old-space-size=99  --inspect-publish-uid=http',
  );
  expect(command({ env: { NODE_OPTIONS: '--inspect=1' } }).env['NODE_OPTIONS']).toBe('--inspect=3');
});

test('the port that the master has chosen is that of every flag', () => {
  const own = { debugPort: 7_001 };
  const args = (...execArgv: string[]) => command({ execArgv }, {}, 0, own).args.slice(2, -2);
  expect(args('--inspect')).toEqual(['--inspect=7001']);
  expect(args('--inspect=[::1]:5000')).toEqual(['--inspect=[::1]:7001']);
  expect(args('--inspect', '--inspect-port', '5000')).toEqual(['--inspect=7001', '--inspect-port', '7001']);
  expect(args('--inspect=0')).toEqual(['--inspect=0']);
});

test("a worker of another user has that user's HOME, USER and LOGNAME, but for those that the option env sets", () => {
  const identity = { HOME: '/var/www', USER: 'www', LOGNAME: 'www' };
  const env = { HOME: '/root', USER: 'root', LOGNAME: 'root', PATH: '/bin' };
  expect(command({}, { env }, 0, { identity }).env).toMatchObject({ ...identity, PATH: '/bin' });
  expect(command({ env: { HOME: '/own' } }, { env }, 0, { identity }).env).toMatchObject({ ...identity, HOME: '/own' });
  const nameless = { HOME: '/', USER: undefined, LOGNAME: undefined };
  const without = command({}, { env }, 0, { identity: nameless }).env;
  expect(without).toMatchObject({ HOME: '/' });
  expect(without).not.toHaveProperty('USER');
  expect(command({ env: { HOME: undefined } }, { env }, 0, { identity }).env).not.toHaveProperty('HOME');
});

test('workers whose stack may be asked for have an inspector that opens on a free port, unless the user has put it somewhere', () => {
  const inspectable = ['--inspect-port=0', '--inspect-publish-uid=http'];
  const args = (options: Partial<PreforkOptions>) => command({ livenessTimeout: 5_000, ...options }).args.slice(2, 4);
  expect(args({})).toEqual(inspectable);
  expect(args({ exec: 'worker.mjs' })).toEqual(inspectable);
  expect(args({ execArgv: ['--inspect-publish-uid=stderr'] })).toEqual(inspectable);
  expect(args({ env: { NODE_OPTIONS: '--max-old-space-size=99' } })).toEqual(inspectable);
  expect(args({ execArgv: ['--inspect'] })[0]).toBe('--inspect=9231');
  expect(args({ execArgv: ['--debug-port=5000'] })[0]).toBe('--debug-port=5000');
  expect(args({ env: { NODE_OPTIONS: '--trace-gc --inspect-port=5000' } })).not.toContain(inspectable[0]);
  expect(command({ livenessTimeout: 5_000, exec: 'python3', args: ['worker.py'] }).args).toEqual(['worker.py']);
  expect(command().args).not.toContain(inspectable[0]);
});

test('the working directory keeps its logical name while that leads to the same place', () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'prefork-')));
  folders.push(folder);
  mkdirSync(join(folder, 'release-1'));
  symlinkSync('release-1', join(folder, 'current'));
  const logical = join(folder, 'current');
  const physical = join(folder, 'release-1');
  expect(logicalCwd({ PWD: logical }, physical)).toBe(logical);
  expect(logicalCwd({ PWD: folder }, physical)).toBe(physical);
  expect(logicalCwd({ PWD: 'relative' }, physical)).toBe(physical);
  expect(logicalCwd({ PWD: join(folder, 'missing') }, physical)).toBe(physical);
  expect(logicalCwd({}, physical)).toBe(physical);

  const started = { cwd: logical, physicalCwd: physical, argv: ['node', join(physical, 'server.mjs')] };
  expect(command({}, started).args).toContain('./server.mjs');
  // A deploy moves the link: the next worker is the new release.
  mkdirSync(join(folder, 'release-2'));
  unlinkSync(logical);
  symlinkSync('release-2', logical);
  expect(command({}, started).args).toContain('./server.mjs');
  expect(command({}, started).cwd).toBe(logical);
});

test('the arguments of a program given with -e are all handed on, and none is taken for one of node', () => {
  const given = { execArgv: ['--input-type=module', '-e', 'code'], argv: ['/usr/bin/node', 'one', '--flag'] };
  expect(command({}, given).args.slice(2)).toEqual(['--input-type=module', '-e', 'code', '--', 'one', '--flag']);
  expect(command({ args: ['own'] }, given).args.slice(-2)).toEqual(['--', 'own']);
});

test('exec is what runs, also when the master was given as code', () => {
  const given = { execArgv: ['--no-warnings', '--input-type=module', '-e', 'code'], argv: ['/usr/bin/node', 'one'] };
  expect(command({ exec: './w.mjs' }, given).args.slice(2)).toEqual(['--no-warnings', './w.mjs', 'one']);
  const print = { execArgv: ['--eval=code'], argv: ['/usr/bin/node'] };
  expect(command({ exec: 'node', args: ['w.js'] }, print).args.slice(2)).toEqual(['w.js']);
});
