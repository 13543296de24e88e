import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { CommonAddon, SpawnRequest } from '../../../lib/addon/native.cjs';
import { headStart } from '../../../lib/command/head-start.cjs';
import type { WantedProcess } from '../../../lib/system/posix/head-start.js';

const [OURS, THEIRS, NOTHING] = [20, 21, 22];
/** The master's numbers of what it hands the worker. */
const [CONTROL, REPLY] = [30, 31];

let folder: string;
let before: string;

beforeEach(() => {
  before = process.cwd();
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'prefork-unit-')));
  writeFileSync(join(folder, 'app.js'), '');
  process.chdir(folder);
  for (const name of ['NODE_OPTIONS', 'NODE_CHANNEL_FD', 'NODE_CHANNEL_SERIALIZATION_MODE'])
    vi.stubEnv(name, undefined);
  vi.stubEnv('PWD', folder);
  vi.spyOn(process, 'execArgv', 'get').mockReturnValue([]);
});

afterEach(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true });
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

function fakeAddon() {
  const requests: SpawnRequest[] = [];
  const closed: number[] = [];
  const sent: { tag: number; text: string; fds: readonly number[] }[] = [];
  const kill = vi.fn(() => true);
  const child = { pid: 4711, kill, unref: () => {} };
  const addon = {
    setCloseOnExec: () => {},
    replaceDeadTerminals: () => false,
    fdChannel: () => [OURS, THEIRS],
    openNull: () => NOTHING,
    closeFd: (fd: number) => void closed.push(fd),
    spawn: (request: SpawnRequest) => {
      requests.push(request);
      return child;
    },
    sendFds: (_fd: number, message: (typeof sent)[number]) => {
      sent.push(message);
      return 'sent';
    },
  };
  return {
    late: { addon: addon as unknown as CommonAddon, preload: '/package/dist/preload.cjs' },
    requests,
    closed,
    sent,
    kill,
    child,
  };
}

/** What the master asks for, when nothing is special. */
function wanted(request: SpawnRequest, change: Partial<WantedProcess> = {}): WantedProcess {
  const own = ['PREFORK_CHILD=1', 'PREFORK_SLOT=0', 'LISTEN_FDS=0', 'PREFORK_CONTROL_FD=3', 'PREFORK_REPLY_FD=4'];
  return {
    file: process.execPath,
    args: request.args.slice(1),
    environment: [...(request.env ?? []).filter((variable) => !variable.startsWith('PREFORK_HEAD_START=')), ...own],
    stdio: ['ignore', 'inherit', 'inherit', CONTROL, REPLY],
    cwd: folder,
    ...change,
  };
}

test('a plain command line starts its program, to wait for a master', () => {
  const { late, requests, closed } = fakeAddon();
  expect(
    headStart(['--workers', '2', '--quiet', '--admin', '--name=web', 'app.js', '--port', '1'], () => late),
  ).toBeDefined();
  const [request] = requests;
  expect(request?.args.slice(1)).toEqual(['--require', '/package/dist/preload.cjs', './app.js', '--port', '1']);
  expect(request?.fds).toEqual([NOTHING, 1, 2, THEIRS]);
  expect(request?.env).toContain('PREFORK_HEAD_START=3');
  expect(closed.toSorted()).toEqual([THEIRS, NOTHING]);
});

test('the master gets it when it asks for the same, once, and hands it what only the master knows', () => {
  const { late, requests, sent, kill, child, closed } = fakeAddon();
  const early = headStart(['app.js'], () => late);
  const want = wanted(requests[0] as SpawnRequest);
  expect(early?.claim(want, () => {})).toBe(child);
  const [message] = sent;
  expect(message?.fds).toEqual([CONTROL, REPLY]);
  expect(JSON.parse(message?.text ?? '')).toEqual({
    variables: { PREFORK_CHILD: '1', PREFORK_SLOT: '0', LISTEN_FDS: '0' },
    descriptors: ['PREFORK_CONTROL_FD', 'PREFORK_REPLY_FD'],
  });
  expect(closed).toContain(OURS);
  expect(early?.claim(want, () => {})).toBeUndefined();
  early?.end();
  expect(kill).not.toHaveBeenCalled();
});

const OTHERWISE: Readonly<Record<string, (request: SpawnRequest) => Partial<WantedProcess>>> = {
  'another program': () => ({ file: '/bin/other' }),
  'other arguments': ({ args }) => ({ args: [...args.slice(1), 'more'] }),
  'another folder': () => ({ cwd: '/' }),
  'piped output': () => ({ stdio: ['ignore', 'pipe', 'inherit', CONTROL, REPLY] }),
  'one variable more': (request) => ({ environment: [...wanted(request).environment, 'MORE=1'] }),
  'one variable less': (request) => ({
    environment: wanted(request).environment.filter((each) => !each.startsWith('PWD=')),
  }),
  'another value': (request) => ({
    environment: wanted(request).environment.map((each) => each.replace(/^PWD=.*/, 'PWD=/')),
  }),
  'a listener at its own number': (request) => ({
    environment: wanted(request).environment.map((each) => each.replace('LISTEN_FDS=0', 'LISTEN_FDS=1')),
  }),
  'a descriptor that no variable names': () => ({ stdio: ['ignore', 'inherit', 'inherit', CONTROL, REPLY, 32] }),
};

for (const [what, change] of Object.entries(OTHERWISE)) {
  test(`a master that wants ${what} starts a process of its own, and the early one is ended`, () => {
    const { late, requests, sent, kill } = fakeAddon();
    const early = headStart(['app.js'], () => late);
    const request = requests[0] as SpawnRequest;
    expect(early?.claim(wanted(request, change(request)), () => {})).toBeUndefined();
    expect(sent).toEqual([]);
    expect(kill).toHaveBeenCalledWith(9);
  });
}

for (const argv of [
  ['--config', 'x.json', 'app.js'],
  ['--uid', '1', 'app.js'],
  ['--quiet=yes', 'app.js'],
  ['nothing.js'],
  ['app.ts'],
  ['--workers'],
  ['--version'],
  ['--', 'app.js'],
  [],
]) {
  test(`no head start for: prefork ${argv.join(' ')}`, () => {
    const { late, requests } = fakeAddon();
    expect(headStart(argv, () => late)).toBeUndefined();
    expect(requests).toEqual([]);
  });
}

test('no head start where a configuration file, NODE_OPTIONS, sockets of others or flags of node have a say', () => {
  const { late } = fakeAddon();
  const early = () => headStart(['app.js'], () => late);
  for (const name of ['NODE_OPTIONS', 'LISTEN_FDS', 'SERVER_STARTER_PORT', 'PREFORK_CHILD']) {
    vi.stubEnv(name, '1');
    expect(early()).toBeUndefined();
    vi.stubEnv(name, undefined);
  }
  expect(early()).toBeDefined();
  vi.spyOn(process, 'execArgv', 'get').mockReturnValue(['--inspect']);
  expect(early()).toBeUndefined();
  vi.spyOn(process, 'execArgv', 'get').mockReturnValue([]);
  writeFileSync('prefork.config.json', '{}');
  expect(early()).toBeUndefined();
});

test('whatever fails in a head start is left to the master to find', () => {
  expect(
    headStart(['app.js'], () => {
      throw new Error('no addon');
    }),
  ).toBeUndefined();
});
