import { mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { NativeExit, PosixAddon, SpawnRequest, TcpListenRequest } from '../../../../lib/addon/native.cjs';
import { resolveOptions } from '../../../../lib/options/resolve.js';
import { NOT_FOR_WORKERS } from '../../../../lib/protocol/protocol.cjs';
import { goAhead } from '../../../../lib/system/posix/ahead.js';
import type { WantedProcess } from '../../../../lib/system/posix/head-start.js';
import type { PreforkOptions } from '../../../../lib/types.js';

const SILENT = { info() {}, warn() {}, error() {} };
/** Numbers of descriptors. */
const [CONTROL, CONTROL_THERE, SOCKET, SOCKET_THERE, NOTHING, FIRST_LISTENER] = [30, 31, 32, 33, 34, 40];

let folder: string;
let before: string;

beforeEach(() => {
  before = process.cwd();
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'prefork-unit-')));
  const script = join(folder, 'app.js');
  writeFileSync(script, '');
  process.chdir(folder);
  for (const name of ['NODE_OPTIONS', 'PREFORK_CHILD', 'pm_id', 'LISTEN_FDS', ...NOT_FOR_WORKERS])
    vi.stubEnv(name, undefined);
  vi.stubEnv('PWD', folder);
  vi.spyOn(process, 'execArgv', 'get').mockReturnValue([]);
  vi.spyOn(process, 'argv', 'get').mockReturnValue([process.execPath, script, 'one']);
});

afterEach(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true });
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

function fakeAddon(change: Partial<Record<keyof PosixAddon, unknown>> = {}) {
  const requests: SpawnRequest[] = [];
  const asked: string[] = [];
  const closed: number[] = [];
  const exits: ((exit: NativeExit) => void)[] = [];
  const child = { pid: 4711, kill: vi.fn(() => true), unref: () => {} };
  const native = {
    listen({ address, port }: TcpListenRequest) {
      asked.push(`${address}:${port}`);
      return { fd: FIRST_LISTENER + asked.length - 1, family: 'IPv4', address, port: port || 8080 };
    },
    socketPair: () => [CONTROL, CONTROL_THERE],
    fdChannel: () => [SOCKET, SOCKET_THERE],
    openNull: () => NOTHING,
    replaceDeadTerminals: () => false,
    sendFds: vi.fn(() => 'sent'),
    closeFd: (fd: number) => void closed.push(fd),
    spawn(request: SpawnRequest, onExit: (exit: NativeExit) => void) {
      requests.push(request);
      exits.push(onExit);
      return child;
    },
    ...change,
  } as unknown as PosixAddon;
  return { native, requests, asked, closed, exits, child };
}

function ahead(native: PosixAddon, options: Partial<PreforkOptions> = {}) {
  const settings = resolveOptions({ listen: '127.0.0.1:0', serve: () => {}, ...options }, '0');
  return { settings, early: goAhead(settings, native, SILENT) };
}

test('a plain fleet binds, and starts its first worker with what that inherits', () => {
  const { native, requests, asked, closed } = fakeAddon();
  const { settings, early } = ahead(native, { listen: ['127.0.0.1:8080', '127.0.0.1:8081'] });
  expect(asked).toEqual(['127.0.0.1:8080', '127.0.0.1:8081']);
  const [request] = requests;
  expect(request?.args.slice(3)).toEqual(['./app.js', 'one']);
  expect(request?.fds).toEqual([NOTHING, 1, 2, FIRST_LISTENER, FIRST_LISTENER + 1, CONTROL_THERE, SOCKET_THERE]);
  expect(request?.env).toEqual(
    expect.arrayContaining(['PREFORK_CHILD=1', 'LISTEN_FDS=2', 'PREFORK_CONTROL_FD=5', 'PREFORK_HEAD_START=6']),
  );
  expect(early?.listeners?.([])).toBeUndefined();
  expect(early?.listeners?.(settings.listen)?.map(({ fd }) => fd)).toEqual([FIRST_LISTENER, FIRST_LISTENER + 1]);
  expect(early?.listeners?.(settings.listen)).toBeUndefined();
  expect(early?.control?.()).toEqual([CONTROL, CONTROL_THERE]);
  expect(early?.control?.()).toBeUndefined();
  expect(closed.toSorted()).toEqual([SOCKET_THERE, NOTHING]);
});

/** What the master asks for, when nothing is special. */
function wanted(request: SpawnRequest, change: Partial<WantedProcess> = {}): WantedProcess {
  const environment = (request.env ?? []).filter((variable) => !variable.startsWith('PREFORK_HEAD_START='));
  return {
    file: process.execPath,
    args: request.args.slice(1),
    environment: [...environment, 'PREFORK_BOARD_FD=5', 'PREFORK_BOARD_ROW=0'],
    stdio: ['ignore', 'inherit', 'inherit', FIRST_LISTENER, CONTROL_THERE, 50],
    cwd: folder,
    ...change,
  };
}

test('the master hands its first worker only what that does not have yet', () => {
  const { native, requests, child } = fakeAddon();
  const { early } = ahead(native);
  expect(early?.claim(wanted(requests[0] as SpawnRequest), () => {})).toBe(child);
  const text = JSON.stringify({ variables: { PREFORK_BOARD_ROW: '0' }, descriptors: ['PREFORK_BOARD_FD'] });
  expect(native.sendFds).toHaveBeenCalledWith(SOCKET, { tag: 0, text, fds: [50] });
});

const OTHERWISE: Readonly<Record<string, (request: SpawnRequest) => Partial<WantedProcess>>> = {
  'another listener': () => ({ stdio: ['ignore', 'inherit', 'inherit', FIRST_LISTENER + 1, CONTROL_THERE, 50] }),
  'another control channel': () => ({ stdio: ['ignore', 'inherit', 'inherit', FIRST_LISTENER, CONTROL, 50] }),
  'one listener more': (request) => ({
    environment: wanted(request).environment.map((each) => each.replace('LISTEN_FDS=1', 'LISTEN_FDS=2')),
  }),
  'another slot': (request) => ({
    environment: wanted(request).environment.map((each) => each.replace('PREFORK_SLOT=0', 'PREFORK_SLOT=1')),
  }),
};

for (const [what, change] of Object.entries(OTHERWISE)) {
  test(`a master that wants ${what} starts a process of its own, and the early one is ended`, () => {
    const { native, requests, child } = fakeAddon();
    const { early } = ahead(native);
    const request = requests[0] as SpawnRequest;
    expect(early?.claim(wanted(request, change(request)), () => {})).toBeUndefined();
    expect(native.sendFds).not.toHaveBeenCalled();
    expect(child.kill).toHaveBeenCalledWith(9);
  });
}

test('what the master does not want is closed and ended, and is over when the process is reaped', async () => {
  const { native, closed, exits, child } = fakeAddon();
  const { early } = ahead(native);
  let over = false;
  const ended = early?.end()?.then(() => {
    over = true;
  });
  expect(child.kill).toHaveBeenCalledWith(9);
  expect(closed.toSorted()).toEqual([CONTROL, CONTROL_THERE, SOCKET, SOCKET_THERE, NOTHING, FIRST_LISTENER]);
  await Promise.resolve();
  expect(over).toBe(false);
  exits[0]?.({ code: null, signal: 9 });
  await ended;
  expect(early?.end()).toBeUndefined();
});

const FAILURES: Readonly<Record<string, (keyof PosixAddon)[]>> = {
  'a socket cannot be bound': ['listen'],
  'no channel can be made': ['socketPair'],
  'nothing can be opened for its input': ['openNull'],
  'the socket by which it waits cannot be made': ['fdChannel'],
  'no process can be started': ['spawn'],
};

for (const [what, [name = 'spawn']] of Object.entries(FAILURES)) {
  test(`where ${what} nothing is left open, and the master meets it again`, () => {
    const { native, closed } = fakeAddon();
    const opened: number[] = [];
    const real = native.listen.bind(native);
    native.listen = (request) => {
      if (name === 'listen' && opened.length === 1) throw Object.assign(new Error('taken'), { code: 'EADDRINUSE' });
      const bound = real(request);
      opened.push(bound.fd);
      return bound;
    };
    if (name !== 'listen')
      Object.assign(native, {
        [name]: () => {
          throw new Error('no more');
        },
      });
    expect(ahead(native, { listen: ['127.0.0.1:8080', '127.0.0.1:8081'] }).early).toBeUndefined();
    const made = { listen: 0, socketPair: 0, openNull: 2, fdChannel: 3, spawn: 5 }[name as string] ?? 0;
    const all = [CONTROL, CONTROL_THERE, NOTHING, SOCKET, SOCKET_THERE];
    expect(closed.toSorted()).toEqual([...all.slice(0, made), ...opened].toSorted());
  });
}

const NOT_PLAIN: Readonly<Record<string, Partial<PreforkOptions>>> = {
  'sockets of their own': { sharing: 'reuseport' },
  'a name to look up': { listen: 'localhost:0' },
  'a unix socket': { listen: 'unix:/tmp/prefork-never-bound.sock' },
  'another program': { exec: 'other.js' },
  'flags of node': { execArgv: ['--no-warnings'] },
  'another folder': { cwd: '/' },
  'an environment': { env: {} },
  'piped output': { stdio: 'pipe' },
  'a prefix of lines': { linePrefix: true },
  'a user': { uid: 1 },
  certificates: { tls: { key: 'k', cert: 'c' } },
  'a file with its pid': { pidFile: 'app.pid' },
  'a door': { admin: true },
  'a producer': {
    commandProducer: () => {
      throw new Error('not called');
    },
  },
  'watched workers': { livenessTimeout: 1_000 },
  'node:cluster': { cluster: true },
};

for (const [what, options] of Object.entries(NOT_PLAIN)) {
  test(`no head start for a fleet with ${what}`, () => {
    const { native, requests, asked } = fakeAddon();
    expect(ahead(native, options).early).toBeUndefined();
    expect([requests, asked]).toEqual([[], []]);
  });
}

test('no head start where the environment, flags of node, or a link on the way to the program have a say', () => {
  const early = () => ahead(fakeAddon().native).early;
  expect(early()).toBeDefined();
  for (const name of ['NODE_OPTIONS', 'LISTEN_FDS', 'SERVER_STARTER_PORT', 'PREFORK_CHILD', 'pm_id', 'NOTIFY_SOCKET']) {
    vi.stubEnv(name, '1');
    expect(early(), name).toBeUndefined();
    vi.stubEnv(name, undefined);
  }
  vi.spyOn(process, 'execArgv', 'get').mockReturnValue(['--inspect']);
  expect(early()).toBeUndefined();
  vi.spyOn(process, 'execArgv', 'get').mockReturnValue([]);
  symlinkSync(join(folder, 'app.js'), join(folder, 'link.js'));
  for (const script of ['link.js', 'gone.js', 'app']) {
    vi.spyOn(process, 'argv', 'get').mockReturnValue([process.execPath, join(folder, script)]);
    expect(early(), script).toBeUndefined();
  }
});
