import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { isRoot, testWhen } from '../../helpers/skip.js';
import { errorOf, failsCleanly, native } from '../native-helpers.js';

const folder = mkdtempSync(join(tmpdir(), 'prefork-unix-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let count = 0;
const fresh = (): string => join(folder, `s${count++}`);

function plantedFilesAreRefused(): boolean {
  const file = '/proc/sys/fs/protected_regular';
  return existsSync(file) && Number(readFileSync(file, 'utf8')) > 0;
}

function listen(path: string, mode?: number) {
  return native.listen({ family: 'unix', path, backlog: 4, ...(mode === undefined ? {} : { mode }) });
}

test('a unix listener has the path it was given and the mode it was given', () => {
  for (const mode of [0o600, 0o666, 0o770]) {
    const path = fresh();
    const socket = listen(path, mode);
    expect(socket).toEqual({ fd: socket.fd, family: 'unix', address: path });
    expect(statSync(path).mode & 0o777).toBe(mode);
    expect(native.inspectListener(socket.fd)).toMatchObject({
      family: 'unix',
      type: 'stream',
      listening: true,
      nonBlocking: true,
      closeOnExec: true,
      reusePort: false,
      ipv6Only: false,
      address: path,
    });
    native.closeFd(socket.fd);
  }
});

test('a unix path as long as the system allows works, one byte more is ENAMETOOLONG and names the limit', () => {
  const { unixPathMax } = native;
  expect(unixPathMax).toBe(process.platform === 'darwin' ? 103 : 107);
  const longest = join(folder, 'x'.repeat(unixPathMax - folder.length - 1));
  expect(Buffer.byteLength(longest)).toBe(unixPathMax);
  const { fd, address } = listen(longest);
  expect(address).toBe(longest);
  native.closeFd(fd);
  const error = failsCleanly(() => listen(`${longest}y`));
  expect(error).toMatchObject({ code: 'ENAMETOOLONG', syscall: 'bind', path: `${longest}y` });
  expect(error.message).toContain(String(unixPathMax));
  expect(failsCleanly(() => native.probeUnix(`${longest}y`))).toMatchObject({ code: 'ENAMETOOLONG' });
});

test('an empty unix path is refused instead of becoming an abstract name', () => {
  expect(failsCleanly(() => listen(''))).toMatchObject({ code: 'EINVAL', syscall: 'bind' });
});

test('an existing path is EADDRINUSE of bind, a missing folder ENOENT, and no descriptor stays', () => {
  const path = fresh();
  writeFileSync(path, '');
  expect(failsCleanly(() => listen(path))).toMatchObject({ code: 'EADDRINUSE', syscall: 'bind', path });
  expect(existsSync(path)).toBe(true);
  const lost = join(folder, 'missing', 's');
  expect(failsCleanly(() => listen(lost))).toMatchObject({ code: 'ENOENT', syscall: 'bind', path: lost });
});

test('probing distinguishes live, stale, absent and what is not a socket', async () => {
  const path = fresh();
  expect(native.probeUnix(path)).toBe('absent');
  const { fd } = listen(path);
  expect(native.probeUnix(path)).toBe('live');
  const link = fresh();
  symlinkSync(path, link);
  expect(native.probeUnix(link)).toBe('live');
  native.closeFd(fd);
  expect(native.probeUnix(path)).toBe('stale');
  const file = fresh();
  writeFileSync(file, '');
  expect(native.probeUnix(file)).toBe('not-a-socket');
  expect(native.probeUnix(folder)).toBe('not-a-socket');
  const dangling = fresh();
  symlinkSync(join(folder, 'nowhere'), dangling);
  expect(native.probeUnix(dangling)).toBe('not-a-socket');
});

test('W17 a live unix socket whose queue is full is live, not stale', async () => {
  const path = fresh();
  const { fd } = native.listen({ family: 'unix', path, backlog: 0 });
  // A backlog of 0 holds one connection: sk_max_ack_backlog is exceeded by the second one, net/unix/af_unix.c.
  const client = connect(path);
  await once(client, 'connect');
  expect(native.probeUnix(path)).toBe('live');
  client.destroy();
  native.closeFd(fd);
});

test('probing a server never is a connection to it', async () => {
  const path = fresh();
  const server = createServer((socket) => socket.end('x')).listen(path);
  await once(server, 'listening');
  let connections = 0;
  server.on('connection', () => connections++);
  for (let i = 0; i < 50; i++) expect(native.probeUnix(path)).toBe('live');
  const client = connect(path);
  expect(String((await once(client, 'data'))[0])).toBe('x');
  client.destroy();
  await new Promise((resolve) => server.close(resolve));
  expect(connections).toBe(1);
});

testWhen(!isRoot, 'root may connect to everything')(
  'a socket that may not be connected to is an error, not a guess',
  () => {
    const path = fresh();
    const { fd } = listen(path);
    chmodSync(path, 0);
    expect(failsCleanly(() => native.probeUnix(path))).toMatchObject({ code: 'EACCES', syscall: 'connect', path });
    native.closeFd(fd);
  },
);

test('a lock file has one holder at a time, and is free again when its holder closes it', () => {
  const path = fresh();
  const first = native.lockFile(path) as number;
  expect(first).toBeGreaterThan(2);
  expect(native.inspectListener(first).closeOnExec).toBe(true);
  for (let i = 0; i < 20; i++) expect(native.lockFile(path)).toBeUndefined();
  native.closeFd(first);
  const second = native.lockFile(path) as number;
  expect(second).toBeGreaterThan(2);
  // A lock of a file that was removed is worth nothing to the next one: the name is free again.
  rmSync(path);
  const third = native.lockFile(path) as number;
  expect(third).toBeGreaterThan(2);
  native.closeFd(second);
  native.closeFd(third);
});

test('a lock file is never followed through a link, and its errors name the path', () => {
  const link = fresh();
  symlinkSync(join(folder, 'target'), link);
  expect(failsCleanly(() => native.lockFile(link))).toMatchObject({ code: 'ELOOP', syscall: 'open', path: link });
  const lost = join(folder, 'missing', 'l');
  expect(failsCleanly(() => native.lockFile(lost))).toMatchObject({ code: 'ENOENT', syscall: 'open', path: lost });
});

testWhen(isRoot && plantedFilesAreRefused(), 'needs root and fs.protected_regular')(
  'a lock file that another user has planted where everybody may write is refused, as the kernel refuses it to root',
  () => {
    chmodSync(folder, 0o1777);
    const path = fresh();
    writeFileSync(path, '');
    chownSync(path, 65_534, 65_534);
    expect(failsCleanly(() => native.lockFile(path))).toMatchObject({ code: 'EACCES', syscall: 'open', path });
  },
);

test('descriptors are made close-on-exec, and closing one twice is an error', () => {
  const [a, b] = native.socketPair();
  const [r, w] = native.pipe();
  const copy = native.dupFd(a);
  expect(copy).toBeGreaterThan(2);
  for (const fd of [a, b, r, w, copy]) expect(native.inspectListener(fd).closeOnExec).toBe(true);
  expect(native.setNonBlocking(a)).toBe(false);
  // O_NONBLOCK is in the open file description, shared by the copy and not by the other end.
  expect(native.setNonBlocking(copy)).toBe(true);
  expect(native.setNonBlocking(b)).toBe(false);
  for (const fd of [a, b, r, w, copy]) native.closeFd(fd);
  expect(errorOf(() => native.closeFd(a))).toMatchObject({ code: 'EBADF', syscall: 'close' });
  expect(failsCleanly(() => native.dupFd(a))).toMatchObject({ code: 'EBADF', syscall: 'fcntl' });
  expect(errorOf(() => native.setCloseOnExec(a))).toMatchObject({ code: 'EBADF' });
  expect(errorOf(() => native.setNonBlocking(a))).toMatchObject({ code: 'EBADF' });
});
