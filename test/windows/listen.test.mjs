import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { getSystemErrorMap } from 'node:util';
import { native } from './addon.mjs';
import { errorOf, listening } from './helpers.mjs';

const loopback = { family: 'IPv4', address: '127.0.0.1', port: 0, backlog: 511, ipv6Only: false, reusePort: false };

test('a listener is bound, listens and never blocks, and no child inherits it', (t) => {
  const bound = listening(t);
  assert.equal(bound.family, 'IPv4');
  assert.equal(bound.address, '127.0.0.1');
  assert.ok(bound.port > 0);
  assert.deepEqual(native.inspectListener(bound.fd), {
    ...{ family: 'IPv4', address: '127.0.0.1', port: bound.port, type: 'stream', listening: true },
    ...{ nonBlocking: true, closeOnExec: true, reusePort: false, ipv6Only: false },
  });
});

test('a second listener on the address is refused, with the error that Node has for it', (t) => {
  const { port } = listening(t);
  const error = errorOf(() => native.listen({ ...loopback, port }));
  const { code, errno, syscall, address } = error;
  assert.deepEqual({ code, syscall, address }, { code: 'EADDRINUSE', syscall: 'bind', address: '127.0.0.1' });
  assert.equal(error.port, port);
  assert.deepEqual(getSystemErrorMap().get(errno), ['EADDRINUSE', 'address already in use']);
  assert.match(error.message, /another process has this address/);
});

test("a server of Node's own cannot take the address, nor can the addon take that of one", async (t) => {
  const { port } = listening(t);
  const thief = createServer();
  thief.listen({ port, host: '127.0.0.1', exclusive: true });
  const [refused] = await once(thief, 'error');
  assert.match(refused.code, /^(EADDRINUSE|EACCES)$/);
  const owner = createServer().listen(0, '127.0.0.1');
  await once(owner, 'listening');
  t.after(() => owner.close());
  assert.match(errorOf(() => native.listen({ ...loopback, port: owner.address().port })).code, /^(EADDRINUSE|EACCES)$/);
});

test('IPv6: alone, or with IPv4 on one socket', (t) => {
  const alone = listening(t, { family: 'IPv6', address: '::1', ipv6Only: true });
  assert.equal(alone.family, 'IPv6');
  assert.equal(alone.address, '::1');
  const both = listening(t, { family: 'IPv6', address: '::', ipv6Only: false });
  const four = errorOf(() => native.listen({ ...loopback, address: '0.0.0.0', port: both.port }));
  // The address is not the same: Windows says "access denied" then.
  assert.match(four.code, /^(EADDRINUSE|EACCES)$/);
  assert.match(four.message, /choose another port/);
});

test('an address that no interface has, or that is none, is refused with the way out', () => {
  const foreign = errorOf(() => native.listen({ ...loopback, address: '192.0.2.1' }));
  assert.equal(foreign.code, 'EADDRNOTAVAIL');
  assert.equal(getSystemErrorMap().get(foreign.errno)[0], 'EADDRNOTAVAIL');
  assert.match(foreign.message, /no interface of this machine/);
  const wrong = errorOf(() => native.listen({ ...loopback, address: '::1' }));
  assert.equal(wrong.code, 'EINVAL');
  assert.match(wrong.message, /not a numeric address/);
});

test('listen() refuses sharing by SO_REUSEPORT, and a value that is no request', () => {
  assert.equal(errorOf(() => native.listen({ ...loopback, reusePort: true })).code, 'ENOTSUP');
  for (const request of [undefined, {}, { ...loopback, port: 65_536 }, { ...loopback, family: 'unix' }]) {
    assert.equal(errorOf(() => native.listen(request)).code, 'ERR_INVALID_ARG_VALUE');
  }
});

test('every backlog is taken, also one that Windows has a notation of its own for', (t) => {
  for (const backlog of [0, 1, 200, 201, 4096, 65_535, 2 ** 31 - 1]) {
    assert.ok(native.inspectListener(listening(t, { backlog }).fd).listening);
  }
});

test('failures leave no handle behind', (t) => {
  const { fd, port } = listening(t);
  const before = listening(t).fd;
  for (let i = 0; i < 20; i++) {
    errorOf(() => native.listen({ ...loopback, port }));
    errorOf(() => native.listen({ ...loopback, address: 'nonsense' }));
    errorOf(() => native.duplicateSocket(fd, 4_000_000_000));
    errorOf(() => native.createJob(4_000_000_000));
    errorOf(() => native.adoptSocket(Buffer.alloc(native.duplicateSocket(fd, process.pid).length)));
  }
  // Numbers of handles are multiples of four, and those that were closed are used again: eighty would have been left.
  // (Winsock keeps each duplicate for this process that is not adopted: twenty of them.)
  assert.ok(listening(t).fd <= before + 4 * 40, `handle ${before} became ${listening(t).fd}`);
});

test('features name what Windows does not have, and why', () => {
  const { features } = native;
  assert.equal(native.mainThread, true);
  for (const name of ['reuseport', 'sharding', 'unixSockets', 'queueDepth', 'dropPrivileges', 'nativeSpawn']) {
    assert.equal(features[name], false);
    assert.ok(features.reasons[name].length > 0);
  }
});

test('a worker thread knows that it is not the main thread, and its end leaves the process alone', async () => {
  const { Worker } = await import('node:worker_threads');
  const source = `import(${JSON.stringify(new URL('addon.mjs', import.meta.url).href)}).then(({ native }) => {
    const { fd } = native.listen(${JSON.stringify(loopback)});
    native.watchAccepts(fd, () => {});
    native.watchMaster({ pid: process.pid }, () => {});
    require('node:worker_threads').parentPort.postMessage(native.mainThread);
  })`;
  const thread = new Worker(source, { eval: true });
  const [answer] = await once(thread, 'message');
  assert.equal(answer, false);
  await thread.terminate();
});
