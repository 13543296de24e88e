import assert from 'node:assert/strict';
import { test } from 'node:test';
import { native } from './addon.mjs';
import { adoptedBy, ask, errorOf, listening, serving, start } from './helpers.mjs';

test('processes that adopt one socket share its connections', async (t) => {
  const { fd, port } = listening(t);
  const workers = await Promise.all([serving(fd), serving(fd)]);
  // Connections that come at once find both workers busy.
  const answers = await Promise.all(Array.from({ length: 200 }, () => ask(port)));
  for (const { pid } of workers) assert.ok(answers.includes(String(pid)), `worker ${pid} answered no client`);
  for (const worker of workers) worker.child.kill('SIGKILL');
  await Promise.all(workers.map(({ exit }) => exit));
});

test('an adopted socket is the listener that was promised, and no child inherits it', async (t) => {
  const { fd, port } = listening(t);
  const worker = start('serves.mjs');
  await worker.hear();
  adoptedBy(worker, fd);
  assert.deepEqual(await worker.hear(), {
    adopted: {
      ...{ family: 'IPv4', address: '127.0.0.1', port, type: 'stream', listening: true },
      ...{ nonBlocking: true, closeOnExec: true, reusePort: false, ipv6Only: false },
    },
  });
});

test('W13 a socket outlives its workers: the next worker answers clients that were in the queue', async (t) => {
  const { fd, port } = listening(t);
  const first = await serving(fd);
  first.send({ block: 60_000 });
  await first.hear();
  const queued = Array.from({ length: 50 }, () => ask(port));
  first.child.kill('SIGKILL');
  await first.exit;
  const second = await serving(fd);
  assert.deepEqual(new Set(await Promise.all(queued)), new Set([String(second.pid)]));
});

test('W15 a restart right after connections were served gets its port again', async () => {
  const request = { family: 'IPv4', address: '127.0.0.1', port: 0, backlog: 511, ipv6Only: false, reusePort: false };
  const first = native.listen(request);
  const worker = await serving(first.fd);
  // The worker closes first: these wait on its side, in TIME_WAIT.
  await Promise.all(Array.from({ length: 100 }, () => ask(first.port)));
  native.closeFd(first.fd);
  worker.send({ stop: true });
  await worker.exit;
  native.closeFd(native.listen({ ...request, port: first.port }).fd);
});

test('duplicateSocket() refuses a process that is gone or never was', async (t) => {
  const { fd } = listening(t);
  const ended = start('idles.mjs');
  await ended.hear();
  ended.child.kill('SIGKILL');
  await ended.exit;
  for (const pid of [ended.pid, 4_000_000_000]) {
    const error = errorOf(() => native.duplicateSocket(fd, pid));
    assert.equal(error.code, 'ESRCH');
    assert.equal(error.syscall, 'OpenProcess');
  }
});

test('duplicateSocket() and adoptSocket() refuse a value that is no socket', () => {
  assert.match(errorOf(() => native.duplicateSocket(123_456, process.pid)).code, /^(ENOTSOCK|EBADF)$/);
  assert.equal(errorOf(() => native.adoptSocket(Buffer.alloc(3))).code, 'ERR_INVALID_ARG_VALUE');
  assert.equal(errorOf(() => native.adoptSocket('nothing')).code, 'ERR_INVALID_ARG_VALUE');
  const empty = errorOf(() => native.adoptSocket(Buffer.alloc(native.duplicateSocket.length + 628)));
  assert.match(empty.code, /^(EINVAL|ENOTSOCK|ERR_INVALID_ARG_VALUE)$/);
  assert.equal(errorOf(() => native.inspectListener(123_456)).code, 'EBADF');
  assert.match(errorOf(() => native.closeFd(123_456)).code, /^(ENOTSOCK|EBADF)$/);
});

test('sixty copies of one socket answer', async (t) => {
  const { fd, port } = listening(t);
  const worker = await serving(fd);
  for (let i = 1; i < 60; i++) {
    adoptedBy(worker, fd);
    await worker.hear();
  }
  const answers = await Promise.all(Array.from({ length: 200 }, () => ask(port)));
  assert.deepEqual(new Set(answers), new Set([String(worker.pid)]));
});
