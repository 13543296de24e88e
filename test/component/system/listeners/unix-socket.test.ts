import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { UNIX_PATH_MAX } from '../../../../lib/options/listen.js';
import type { OwnedPlan } from '../../../../lib/system/listeners/unix-owner.js';
import { openUnixSocket, type UnixSocket } from '../../../../lib/system/listeners/unix-socket.js';
import { native } from '../../../helpers/addon.js';
import { openFds } from '../../../helpers/processes.js';
import { isRoot, testWhen } from '../../../helpers/skip.js';
import { unprivileged } from '../../../helpers/unprivileged.js';

let folder: string;
let path: string;
let before: readonly string[];
const opened: UnixSocket[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'prefork-unix-'));
  path = join(folder, 'app.sock');
  before = descriptors();
});
afterEach(() => {
  for (const socket of opened.splice(0)) socket.close();
  expect(descriptors()).toEqual(before);
  rmSync(folder, { recursive: true });
});

function descriptors(): string[] {
  return [...openFds().values()].filter((target) => /^(socket:|\/tmp)/.test(target)).sort();
}

function open(plan: Partial<OwnedPlan> = {}): UnixSocket {
  const socket = openUnixSocket({ kind: 'unix', name: '0', path, mode: undefined, backlog: 16, ...plan }, native);
  opened.push(socket);
  return socket;
}

function errorOf(step: () => unknown): unknown {
  try {
    step();
    return undefined;
  } catch (error) {
    return error;
  }
}

async function connected(to = path): Promise<Socket> {
  const socket = connect(to);
  await once(socket, 'connect');
  return socket;
}

async function ended(socket: Socket): Promise<void> {
  const closed = once(socket, 'close');
  socket.destroy();
  await closed;
}

/** What a master that died leaves behind: a socket file that refuses connections. */
function leaveStale(): number {
  native.closeFd(native.listen({ family: 'unix', path, backlog: 1 }).fd);
  return lstatSync(path).ino;
}

const inUse = { code: 'EADDRINUSE', errno: -98 };

test('a socket listens under its path with its mode, and closing removes every file', async () => {
  const socket = open({ mode: 0o640 });
  expect(lstatSync(path).isSocket()).toBe(true);
  expect(lstatSync(path).mode & 0o777).toBe(0o640);
  expect(readdirSync(folder).sort()).toEqual(['app.sock', 'app.sock.lock']);
  await ended(await connected());
  socket.close();
  socket.close();
  expect(readdirSync(folder)).toEqual([]);
});

test('workers get the name that getsockname(2) returns', () => {
  const socket = open();
  expect(socket.boundAs).not.toBe(path);
  expect(dirname(socket.boundAs)).toBe(folder);
  expect(native.inspectListener(socket.fd)).toMatchObject({ family: 'unix', listening: true, address: socket.boundAs });
});

test('W17 a stale socket file is replaced', async () => {
  const stale = leaveStale();
  open();
  expect(lstatSync(path).ino).not.toBe(stale);
  await ended(await connected());
});

test('W17 a live socket of another program is refused with EADDRINUSE and left alone', async () => {
  const server = createServer().listen(path);
  await once(server, 'listening');
  const { ino } = lstatSync(path);
  expect(errorOf(open)).toMatchObject({ ...inUse, path, syscall: 'bind' });
  expect(lstatSync(path).ino).toBe(ino);
  expect(existsSync(`${path}.lock`)).toBe(false);
  server.close();
  await once(server, 'close');
});

test('W17 a live socket whose queue is full is refused, too', async () => {
  const { fd } = native.listen({ family: 'unix', path, backlog: 1 });
  const clients: Socket[] = [];
  let full = false;
  // Each connection either fits into the queue or fails with EAGAIN: then it is full.
  while (!full && clients.length < 64) {
    const client = connect(path);
    clients.push(client);
    full = await Promise.race([
      once(client, 'connect').then(() => false),
      new Promise<boolean>((resolve) => client.once('error', () => resolve(true))),
    ]);
  }
  expect(full).toBe(true);
  expect(errorOf(open)).toMatchObject({ ...inUse, path });
  for (const client of clients) if (!client.closed) await ended(client);
  native.closeFd(fd);
});

test('W15 a second master on the path is refused while the first one lives, whether or not it was seen to listen', () => {
  const first = open();
  const second = errorOf(open);
  expect(second).toMatchObject({ ...inUse, path, message: expect.stringContaining(`${path}.lock`) as string });
  first.close();
  open();
});

test('the lock alone keeps others off', () => {
  const lock = native.lockFile(`${path}.lock`);
  expect(errorOf(open)).toMatchObject({ ...inUse, path });
  native.closeFd(lock ?? -1);
  open();
});

test.each([
  ['a file', () => writeFileSync(path, 'precious')],
  ['a folder', () => mkdirSync(path)],
  ['a link to nowhere', () => symlinkSync('/nonexistent/target', path)],
  ['a link to a file', () => symlinkSync('/etc/passwd', path)],
])('%s at the path is EADDRINUSE and is not touched', (_what, create) => {
  create();
  const { ino } = lstatSync(path);
  expect(errorOf(open)).toMatchObject({ ...inUse, path, message: expect.stringContaining('left alone') as string });
  expect(lstatSync(path).ino).toBe(ino);
  expect(readdirSync(folder)).toEqual(['app.sock']);
});

test('a link to a live socket is EADDRINUSE and is not touched', async () => {
  const target = join(folder, 'other.sock');
  const server = createServer().listen(target);
  await once(server, 'listening');
  symlinkSync(target, path);
  expect(errorOf(open)).toMatchObject({ ...inUse, path });
  expect(lstatSync(path).isSymbolicLink()).toBe(true);
  server.close();
  await once(server, 'close');
});

test('W17 a file that another program put in the place of ours is not removed', () => {
  const socket = open();
  unlinkSync(path);
  writeFileSync(path, 'another program');
  socket.close();
  expect(readFileSync(path, 'utf8')).toBe('another program');
});

test('a lock file that another program put in the place of ours is not removed', () => {
  const socket = open();
  unlinkSync(`${path}.lock`);
  writeFileSync(`${path}.lock`, 'another program');
  socket.close();
  expect(readdirSync(folder)).toEqual(['app.sock.lock']);
});

test('a file that is gone already is no error', () => {
  const socket = open();
  unlinkSync(path);
  unlinkSync(`${path}.lock`);
  socket.close();
  expect(readdirSync(folder)).toEqual([]);
});

test.each([1, 2, 3, 12])('a path of the longest size works, with a name of %i characters', async (size) => {
  const room = UNIX_PATH_MAX - Buffer.byteLength(folder) - 2 - size;
  const deep = join(folder, 'd'.repeat(room));
  mkdirSync(deep);
  path = join(deep, 'n'.repeat(size));
  expect(Buffer.byteLength(path)).toBe(UNIX_PATH_MAX);
  const socket = open();
  expect(Buffer.byteLength(socket.boundAs)).toBeLessThanOrEqual(UNIX_PATH_MAX);
  expect(basename(socket.boundAs)).not.toBe(basename(path));
  await ended(await connected());
  socket.close();
  expect(readdirSync(deep)).toEqual([]);
});

test('a missing folder is ENOENT with the path', () => {
  path = join(folder, 'missing', 'app.sock');
  expect(errorOf(open)).toMatchObject({
    code: 'ENOENT',
    errno: -2,
    path,
    message: expect.stringContaining(path) as string,
  });
});

test('a folder that is a file is ENOTDIR with the path', () => {
  writeFileSync(join(folder, 'file'), '');
  path = join(folder, 'file', 'app.sock');
  expect(errorOf(open)).toMatchObject({ code: 'ENOTDIR', path });
});

test('a folder without permission is EACCES with the path', async () => {
  chmodSync(folder, 0o555);
  const error = await unprivileged(() => errorOf(open));
  expect(error).toMatchObject({ code: 'EACCES', path, message: expect.stringContaining('writable') as string });
});

testWhen(isRoot, 'needs root')('a lock file of another user is EACCES with the path', async () => {
  chmodSync(folder, 0o777);
  writeFileSync(`${path}.lock`, '', { mode: 0o600 });
  expect(await unprivileged(() => errorOf(open))).toMatchObject({ code: 'EACCES', path });
});

test('a failure after the bind leaves no file and no descriptor', () => {
  // A rename onto a folder that appears after the probe: EISDIR.
  const probeUnix = (): 'absent' => {
    mkdirSync(path);
    return 'absent';
  };
  const late = { ...native, probeUnix };
  const plan: OwnedPlan = { kind: 'unix', name: '0', path, mode: undefined, backlog: 16 };
  expect(errorOf(() => openUnixSocket(plan, late))).toMatchObject({ code: 'EISDIR', syscall: 'rename', path });
  expect(readdirSync(folder)).toEqual(['app.sock']);
});

interface Racer {
  readonly child: ChildProcess;
  readonly lines: AsyncIterator<string>;
}

async function startRacer(): Promise<Racer> {
  const fixture = fileURLToPath(new URL('../../../fixtures/races-for-unix-socket.mjs', import.meta.url));
  const child = spawn(process.execPath, [fixture, path], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe('prepared');
  return { child, lines };
}

async function answerOf({ child, lines }: Racer): Promise<unknown> {
  child.stdin?.write('go\n');
  return (await lines.next()).value;
}

async function finish({ child }: Racer): Promise<void> {
  const closed = once(child, 'close');
  child.stdin?.end();
  await closed;
}

test('W17 of masters that start at the same instant on a stale file exactly one gets it', async () => {
  const racers = await Promise.all([startRacer(), startRacer(), startRacer()]);
  leaveStale();
  // Once only per process: the winner keeps the socket, which makes the second question a test of its own.
  expect((await Promise.all(racers.map(answerOf))).toSorted()).toEqual(['EADDRINUSE', 'EADDRINUSE', 'open']);
  await ended(await connected());
  await Promise.all(racers.map(finish));
  expect(readdirSync(folder)).toEqual([]);
});

test('W17 the file of a master that was killed is replaced by the next one', async () => {
  const racer = await startRacer();
  expect(await answerOf(racer)).toBe('open');
  const closed = once(racer.child, 'close');
  racer.child.kill('SIGKILL');
  await closed;
  expect(readdirSync(folder).sort()).toEqual(['app.sock', 'app.sock.lock']);
  open();
  await ended(await connected());
});
