import {
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import type { Program } from '../../../../lib/common/program.js';
import { isNamed, logicalCwd } from '../../../../lib/common/program.js';
import { resolveOptions } from '../../../../lib/options/resolve.js';
import { Releases } from '../../../../lib/system/releases/releases.js';
import type { PreforkOptions } from '../../../../lib/types.js';

/** The folder of a deployment: `releases/1` to `3`, of which `current` leads to one. */
let at: string;
let lines: string[];

const log = { info: (line: string) => lines.push(line), warn: (line: string) => lines.push(line), error: () => {} };
const release = (name: string | number, file = '') => join(at, 'releases', String(name), file);
const current = (file = '') => join(at, 'current', file);

beforeEach(() => {
  at = realpathSync(mkdtempSync(join(tmpdir(), 'prefork-releases-')));
  lines = [];
  const folder = at;
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const name of [1, 2, 3]) makeRelease(release(name));
  deploy(1);
});

function makeRelease(folder: string): void {
  for (const part of ['bin', 'node_modules/prefork/dist']) mkdirSync(join(folder, part), { recursive: true });
  for (const file of ['app.mjs', 'bin/worker.mjs', 'node_modules/prefork/dist/preload.cjs']) {
    writeFileSync(join(folder, file), '');
  }
}

function deploy(name: string | number, link = 'current'): void {
  symlinkSync(release(name), join(at, 'next'));
  renameSync(join(at, 'next'), join(at, link));
}

interface Started {
  /** Working directory, as the kernel knows it. Default: that of release 1. */
  readonly cwd?: string;
  readonly script?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly execArgv?: readonly string[];
  readonly execPath?: string;
  /** A single executable application, by the name that it was called by. */
  readonly called?: string;
}

/** A master that was started so, in its first generation. */
function start(started: Started = {}, options: Partial<PreforkOptions> = {}): Releases {
  const {
    cwd = release(1),
    script = join(cwd, 'app.mjs'),
    env = {},
    execArgv = [],
    execPath = '/usr/bin/node',
    called,
  } = started;
  const program: Program = {
    execPath,
    execArgv,
    argv: [execPath, called ?? script, 'argument'],
    env,
    cwd: logicalCwd(env, cwd),
    physicalCwd: cwd,
    cwdIsNamed: isNamed(env, cwd),
    isSingleExecutable: called !== undefined,
    preload: () => release(1, 'node_modules/prefork/dist/preload.cjs'),
  };
  const releases = new Releases(program, resolveOptions({ serve: () => {}, listen: 0, ...options }, '0').launch, log);
  releases.begin(0);
  onTestFinished(() => releases.close());
  return releases;
}

/** The files that a worker of a generation is started from. */
function runs(releases: Releases, generation: number) {
  const { settings, program } = releases.of(generation);
  return { cwd: settings.cwd ?? program.cwd, script: settings.exec ?? program.argv[1] };
}

/** All of it in one folder. */
const allOf = (folder: string, script = 'app.mjs') => ({
  cwd: folder,
  script: join(folder, script),
});

const ways: readonly (readonly [string, () => [Started?, Partial<PreforkOptions>?]])[] = [
  ['$PWD', () => [{ env: { PWD: current() } }]],
  ['$PWD that ends with a slash', () => [{ env: { PWD: `${current()}/` } }]],
  ['a working directory without a name', () => [{}]],
  ['a working directory that $PWD does not name', () => [{ env: { PWD: '/' } }]],
  ['the $PWD of a shell that was not asked to go anywhere', () => [{ env: { PWD: release(1) } }]],
  ['the option cwd', () => [{}, { cwd: current() }]],
  ['the option cwd, from elsewhere', () => [{ cwd: '/', script: release(1, 'app.mjs') }, { cwd: current() }]],
  ['the option cwd, relative', () => [{ cwd: at, script: release(1, 'app.mjs') }, { cwd: 'current' }]],
  ['an absolute script', () => [{ script: current('app.mjs'), env: { PWD: release(1), OLDPWD: '/' } }]],
  [
    '$PWD, which the program has left',
    () => [{ script: release(1, 'app.mjs'), cwd: '/', env: { PWD: current() } }, { cwd: release(1) }],
  ],
  [
    'the package of npm --prefix',
    () => [{ env: { PWD: release(1), OLDPWD: '/', npm_package_json: current('package.json') } }],
  ],
  ['the option exec', () => [{}, { exec: current('app.mjs') }]],
  [
    'the option exec, while the program is elsewhere',
    () => [{ script: join(at, 'no.mjs') }, { exec: current('app.mjs') }],
  ],
];

test.each(ways)('a generation runs all of one release that %s leads to', (_, how) => {
  const releases = start(...how());
  expect(runs(releases, 0)).toEqual(allOf(release(1)));
  deploy(2);
  expect(runs(releases, 0)).toEqual(allOf(release(1)));
  releases.begin(1, 0);
  expect(runs(releases, 0)).toEqual(allOf(release(1)));
  expect(runs(releases, 1)).toEqual(allOf(release(2)));
  deploy(3);
  releases.begin(2, 1);
  expect(runs(releases, 1)).toEqual(allOf(release(2)));
  expect(runs(releases, 2)).toEqual(allOf(release(3)));
});

test('a single executable that was started by a link is that of the release which the link leads to', () => {
  for (const name of [1, 2]) writeFileSync(release(name, 'server'), '');
  symlinkSync(release(1, 'server'), join(at, 'server'));
  const execPath = release(1, 'server');
  const releases = [
    start({ cwd: '/', called: current('server'), execPath }),
    start({ cwd: release(1), env: { PWD: current() }, called: './server', execPath }),
    start({ cwd: at, called: './server', execPath }),
  ];
  const executed = (generation: number) => releases.map((each) => each.of(generation).program.execPath);
  expect(executed(0)).toEqual([execPath, execPath, execPath]);
  deploy(2);
  symlinkSync(release(2, 'server'), join(at, 'next'));
  renameSync(join(at, 'next'), join(at, 'server'));
  for (const each of releases) each.begin(1, 0);
  expect(executed(0)).toEqual([execPath, execPath, execPath]);
  expect(executed(1)).toEqual([release(2, 'server'), release(2, 'server'), release(2, 'server')]);
});

test('the working directory and the script may lie anywhere in the release', () => {
  for (const [cwd, script] of [
    ['bin', 'bin/worker.mjs'],
    ['bin', 'app.mjs'],
    ['', 'bin/worker.mjs'],
  ] as const) {
    for (const env of [{}, { PWD: join(current(), cwd) }]) {
      deploy(1);
      const releases = start({ cwd: join(release(1), cwd), script: release(1, script), env });
      deploy(2);
      releases.begin(1, 0);
      expect(runs(releases, 1)).toEqual({ cwd: join(release(2), cwd), script: release(2, script) });
    }
  }
});

test('links may be relative, and lead to links', () => {
  symlinkSync('releases', join(at, 'all'));
  symlinkSync('all/1', join(at, 'stable'));
  symlinkSync('stable', join(at, 'live'));
  const releases = start({ env: { PWD: join(at, 'live') } });
  expect(runs(releases, 0)).toEqual(allOf(release(1)));
  unlinkSync(join(at, 'stable'));
  symlinkSync('all/2', join(at, 'stable'));
  releases.begin(1, 0);
  expect(runs(releases, 1)).toEqual(allOf(release(2)));
});

test('a link beside its target is not taken for the folder that both lie in', () => {
  makeRelease(join(at, 'app-1'));
  makeRelease(join(at, 'app-2'));
  symlinkSync('app-1', join(at, 'app'));
  const releases = start({ cwd: join(at, 'app-1'), env: { PWD: join(at, 'app') } });
  unlinkSync(join(at, 'app'));
  symlinkSync('app-2', join(at, 'app'));
  releases.begin(1, 0);
  expect(runs(releases, 1)).toEqual(allOf(join(at, 'app-2')));
});

test('a script that is itself a link leads to the script of a release', () => {
  symlinkSync(release(1, 'app.mjs'), join(at, 'server.mjs'));
  const releases = start({ cwd: '/', script: join(at, 'server.mjs') });
  expect(runs(releases, 0).script).toBe(release(1, 'app.mjs'));
  unlinkSync(join(at, 'server.mjs'));
  symlinkSync(release(2, 'app.mjs'), join(at, 'server.mjs'));
  expect(runs(releases, 0).script).toBe(release(1, 'app.mjs'));
  releases.begin(1, 0);
  expect(runs(releases, 1).script).toBe(release(2, 'app.mjs'));
});

test('a link without a name is followed only where nothing else was said', () => {
  const named = { PWD: release(1), OLDPWD: '/' };
  const unnamed: readonly [Started, Partial<PreforkOptions>][] = [
    [{ env: named }, {}],
    [{}, { cwd: release(1) }],
    [{ cwd: '/', script: release(1, 'app.mjs') }, {}],
  ];
  for (const [started, options] of unnamed) {
    deploy(1);
    const releases = start(started, options);
    lines = [];
    releases.begin(1, 0);
    expect(lines).toEqual([]);
    deploy(2);
    releases.begin(2, 1);
    expect(runs(releases, 2).script).toBe(release(1, 'app.mjs'));
    expect(lines).toEqual([
      expect.stringContaining(`workers run ${release(1, 'app.mjs')} again, although a link has moved: ${at}/current`),
    ]);
  }
});

test('of two links that led to the working directory none is followed, and both are named when they move', () => {
  deploy(1, 'latest');
  const releases = start();
  deploy(2, 'latest');
  deploy(2);
  releases.begin(1, 0);
  expect(runs(releases, 1)).toEqual(allOf(release(1)));
  expect(lines).toEqual([
    expect.stringMatching(/again, although .*current .*latest |again, although .*latest .*current /),
  ]);
});

test('a link that was found, and now leads to no program, is no deploy', () => {
  const releases = start();
  mkdirSync(join(at, 'releases', 'empty'));
  deploy('empty');
  releases.begin(1, 0);
  expect(runs(releases, 1)).toEqual(allOf(release(1)));
  expect(lines.at(-1)).toMatch(/again, although .* the program is not there/);
});

test('a link that was named, and leads to no program, is an error that says what is missing', () => {
  const releases = start({ env: { PWD: current() } });
  mkdirSync(join(at, 'releases', 'empty'));
  deploy('empty');
  releases.begin(1, 0);
  expect(() => releases.of(1)).toThrow(`${release('empty', 'app.mjs')} is missing`);
  expect(runs(releases, 0)).toEqual(allOf(release(1)));
});

test('two links to the program that have come to lead to two releases are refused: workers would run half of each', () => {
  deploy(1, 'live');
  const releases = start({ script: join(at, 'live', 'app.mjs'), env: { PWD: current() } });
  deploy(2);
  expect(() => releases.begin(1, 0)).toThrow(/two releases/);
  expect(runs(releases, 0)).toEqual(allOf(release(1)));
  deploy(2, 'live');
  releases.begin(1, 0);
  expect(runs(releases, 1)).toEqual(allOf(release(2)));
});

test('a link that leads to the program, and that nothing of it was given by, tears nothing', () => {
  deploy(1, 'live');
  const releases = start({ cwd: '/', script: current('app.mjs'), env: { PWD: join(at, 'live') } });
  deploy(2);
  releases.begin(1, 0);
  expect(runs(releases, 1)).toEqual({ cwd: '/', script: release(2, 'app.mjs') });
});

test('a program that was started without any name is said to run again', () => {
  unlinkSync(join(at, 'current'));
  const releases = start();
  releases.begin(1, 0);
  expect(lines).toEqual([`generation 1 runs ${release(1, 'app.mjs')} again: no link that leads there is known`]);
  lines = [];
  start({ env: { PWD: release(1) } }).begin(1, 0);
  expect(lines).toEqual([]);
});

test('a generation whose release was deleted runs the newest one, and says so once', () => {
  const releases = start({ env: { PWD: current() } });
  deploy(2);
  rmSync(release(1), { recursive: true });
  lines = [];
  for (let i = 0; i < 2; i++) expect(runs(releases, 0)).toEqual(allOf(release(2)));
  expect(lines).toEqual([
    `${release(1, 'app.mjs')}, which generation 0 ran, is gone: its workers run ${release(2, 'app.mjs')}`,
  ]);
});

test('a release that was started by its real path is looked for behind the link that led there, when it is gone', () => {
  const releases = start({ env: { PWD: release(1), OLDPWD: '/' } });
  deploy(2);
  rmSync(release(1), { recursive: true });
  expect(runs(releases, 0)).toEqual(allOf(release(2)));
});

test('a release that is gone, with no link that leads to another one, is an error that says what to do', () => {
  unlinkSync(join(at, 'current'));
  const releases = start();
  rmSync(release(1), { recursive: true });
  expect(() => releases.of(0)).toThrow(/is missing.*deploy it, or restart the master from the present release/);
});

test('a release that was renamed is run where it is now, and its path belongs to the next one', () => {
  const path = join(at, 'app');
  renameSync(release(1), path);
  const releases = start({ cwd: path });
  renameSync(path, join(at, 'old'));
  renameSync(release(2), path);
  releases.begin(1, 0);
  expect(runs(releases, 1)).toEqual(allOf(path));
  expect(runs(releases, 0)).toEqual(allOf(join(at, 'old')));
});

test('paths in options, flags and variables are those of the release', () => {
  const [flag, url] = ['--import', (folder: string) => pathToFileURL(join(folder, 'otel.mjs')).href];
  const releases = start(
    {
      execArgv: [flag, url(release(1)), `--require=${current('early.cjs')}`, `--title=${at}/currently`],
      env: {
        PWD: current(),
        PATH: `/bin:${current('bin')}`,
        NODE_OPTIONS: `--require ${release(1, 'x.cjs')}`,
        LINK: current(),
      },
    },
    { args: [release(1, 'config.json'), `--log=${current('log')}`, 'current'], tls: undefined },
  );
  deploy(2);
  releases.begin(1, 0);
  const { settings, program } = releases.of(1);
  expect(program.execArgv).toEqual([
    flag,
    url(release(2)),
    `--require=${release(2, 'early.cjs')}`,
    `--title=${at}/currently`,
  ]);
  expect(settings.args).toEqual([release(2, 'config.json'), `--log=${release(2, 'log')}`, 'current']);
  expect(program.env).toEqual({
    PWD: release(2),
    PATH: `/bin:${release(2, 'bin')}`,
    NODE_OPTIONS: `--require ${release(2, 'x.cjs')}`,
    LINK: current(),
  });
  expect(releases.tls(1, { keyFile: release(1, 'tls/key.pem'), certFile: current('tls/cert.pem') })).toEqual({
    keyFile: release(2, 'tls/key.pem'),
    certFile: release(2, 'tls/cert.pem'),
  });
});

test('what no link leads to is left as it is, to the object', () => {
  const env = { PWD: at, PATH: '/bin' };
  const releases = start(
    { cwd: at, script: join(at, 'own.mjs'), env, execArgv: ['--import', './otel.mjs'] },
    { exec: './w.mjs' },
  );
  const { settings, program } = releases.of(0);
  expect(program).toMatchObject({
    cwd: at,
    argv: ['/usr/bin/node', join(at, 'own.mjs'), 'argument'],
    execArgv: ['--import', './otel.mjs'],
  });
  expect(program.env).toBe(env);
  expect(settings).toMatchObject({ exec: './w.mjs', cwd: undefined });
});

test('variables of an --env-file come from the file of the release, and no others are taken away', () => {
  writeFileSync(release(1, '.env'), 'OF_FILE=1\nCHANGED=file\nQUOTED="a b"\n');
  const env = { OF_FILE: '1', CHANGED: 'by the program', QUOTED: 'a b', OTHER: 'kept' };
  const left = { CHANGED: 'by the program', OTHER: 'kept' };
  for (const execArgv of [['--env-file=.env'], ['--env-file', '.env'], ['--env-file-if-exists=.env']]) {
    expect(start({ env, execArgv }).of(0).program.env).toEqual({ ...left, OF_FILE: undefined, QUOTED: undefined });
    // A program that reads no file must get them.
    expect(start({ env, execArgv }, { exec: 'python3' }).of(0).program.env).toBe(env);
    expect(start({ env, execArgv }, { execArgv: [] }).of(0).program.env).toBe(env);
  }
});

test('a program that reads no --env-file gets what the file says when a worker is started', () => {
  const file = release(1, '.env');
  writeFileSync(file, 'GREETING=one\nGIVEN=file\n');
  const releases = start({ env: { GIVEN: 'by the start' }, execArgv: ['--env-file=.env'] }, { exec: 'python3' });
  expect(releases.of(0).program.env).toEqual({ GREETING: 'one', GIVEN: 'by the start' });
  writeFileSync(file, 'GREETING=two\nADDED=yes\n');
  expect(releases.of(0).program.env).toEqual({ GREETING: 'two', ADDED: 'yes', GIVEN: 'by the start' });
});

test('with the option cwd relative flags begin where the master was started, and follow the release', () => {
  mkdirSync(release(1, 'data'));
  const execArgv = ['--import', './otel.mjs', '--require=./early.cjs', '--env-file', '.env', '--import', 'package'];
  const env = { PWD: current(), NODE_OPTIONS: '--require ./x.cjs' };
  const releases = start({ execArgv, env }, { cwd: 'data' });
  const of = (generation: number, name: string) => {
    const { program } = releases.of(generation);
    expect(program.execArgv).toEqual([
      ...['--import', pathToFileURL(release(name, 'otel.mjs')).href, `--require=${release(name, 'early.cjs')}`],
      ...['--env-file', release(name, '.env'), '--import', 'package'],
    ]);
    expect(program.env['NODE_OPTIONS']).toBe(`--require ${release(name, 'x.cjs')}`);
  };
  of(0, '1');
  mkdirSync(release(2, 'data'));
  deploy(2);
  releases.begin(1, 0);
  of(1, '2');
  // Without the option the worker begins there itself, and flags of the option execArgv are the caller's.
  expect(start({ execArgv, env }).of(0).program.execArgv).toEqual(execArgv);
  expect(start({}, { cwd: 'data', execArgv: ['--import', './own.mjs'] }).of(0).settings.execArgv).toEqual([
    '--import',
    './own.mjs',
  ]);
});

test('the preload is that of the release, by the same path or as node finds the package', () => {
  const releases = start();
  const preload = 'node_modules/prefork/dist/preload.cjs';
  expect(releases.of(0).program.preload()).toBe(release(1, preload));
  deploy(2);
  releases.begin(1, 0);
  expect(releases.of(1).program.preload()).toBe(release(2, preload));
  // pnpm: the path has the version in it.
  const store = release(3, 'node_modules/.pnpm/prefork@2/node_modules/prefork');
  mkdirSync(release(3, 'node_modules/.pnpm/prefork@2/node_modules'), { recursive: true });
  renameSync(release(3, 'node_modules/prefork'), store);
  symlinkSync(store, release(3, 'node_modules/prefork'));
  deploy(3);
  releases.begin(2, 1);
  expect(releases.of(2).program.preload()).toBe(release(3, preload));
  rmSync(release(1), { recursive: true });
  rmSync(release(3, 'node_modules'), { recursive: true });
  expect(() => releases.of(2).program.preload()).toThrow(/the files of this prefork.*restart the master/);
});

test('a node that is part of the release is that of the next one, if it has one', () => {
  writeFileSync(release(1, 'bin/node'), '');
  writeFileSync(release(2, 'bin/node'), '');
  const releases = start({ execPath: release(1, 'bin/node') });
  deploy(2);
  releases.begin(1, 0);
  expect(releases.of(1).program.execPath).toBe(release(2, 'bin/node'));
  deploy(3);
  releases.begin(2, 1);
  expect(releases.of(2).program.execPath).toBe(release(1, 'bin/node'));
});
