import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { native } from './addon.mjs';
import { adoptedBy, ask, deferred, errorOf, listening, PATIENCE, serving, within } from './helpers.mjs';

/** A connection that the kernel has made, and that no process has accepted. */
async function connected(t, port) {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.on('error', () => {});
  t.after(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** Counts calls of `onWaiting`; `next()` is the next one. */
function watched(t, fd) {
  const calls = { count: 0, next: deferred() };
  const watch = native.watchAccepts(fd, () => {
    calls.count++;
    calls.next.resolve();
    calls.next = deferred();
  });
  t.after(() => watch.close());
  return { watch, calls };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('accept() on an empty queue returns undefined', (t) => {
  assert.equal(native.accept(listening(t).fd), undefined);
});

test('a watch calls once, accepts no connection, and calls again after rearm()', async (t) => {
  const { fd, port } = listening(t);
  const { watch, calls } = watched(t, fd);
  watch.rearm(); // armed already
  const first = calls.next.promise;
  await connected(t, port);
  await within(first, 'the first call');
  await connected(t, port);
  await connected(t, port);
  assert.equal(calls.count, 1);
  const second = calls.next.promise;
  watch.rearm();
  watch.rearm();
  await within(second, 'the second call, for clients that wait already');
  const clients = [native.accept(fd), native.accept(fd), native.accept(fd)];
  assert.equal(new Set(clients).size, 3);
  assert.equal(native.accept(fd), undefined);
  for (const client of clients) native.closeFd(client);
  assert.equal(calls.count, 2);
  const third = calls.next.promise;
  watch.rearm();
  await connected(t, port);
  await within(third, 'the third call');
});

test('what onWaiting throws is an uncaught exception, and the watch goes on', async (t) => {
  const { fd, port } = listening(t);
  const source = `import(${JSON.stringify(new URL('addon.mjs', import.meta.url).href)}).then(({ native }) => {
    process.on('uncaughtException', (error) => {
      if (++calls === 2) process.exit(error.message === 'on purpose' ? 7 : 8);
      watch.rearm();
    });
    let calls = 0;
    process.stdin.once('data', (info) => {
      watch = native.watchAccepts(native.adoptSocket(Buffer.from(String(info), 'base64')), () => {
        throw new Error('on purpose');
      });
    });
    let watch;
  })`;
  const child = spawn(process.execPath, ['-e', source], { stdio: ['pipe', 'inherit', 'inherit'] });
  child.stdin.write(native.duplicateSocket(fd, child.pid).toString('base64'));
  await connected(t, port);
  const [code] = await within(once(child, 'exit'), 'the end');
  assert.equal(code, 7);
});

test('after close() a watch calls no more, and leaves the clients that wait to the others', async (t) => {
  const { fd, port } = listening(t);
  const { watch, calls } = watched(t, fd);
  const called = calls.next.promise;
  await connected(t, port);
  await within(called, 'the first call');
  watch.rearm();
  watch.close();
  watch.close();
  watch.rearm();
  watch.ref();
  watch.unref();
  await turn();
  assert.equal(calls.count, 1);
  const client = native.accept(fd);
  assert.ok(client > 0);
  native.closeFd(client);
});

test('no child inherits an accepted connection', async (t) => {
  const { fd, port } = listening(t);
  await connected(t, port);
  const client = native.accept(fd);
  const { closeOnExec, listening: listens, type } = native.inspectListener(client);
  assert.deepEqual({ closeOnExec, listens, type }, { closeOnExec: true, listens: false, type: 'stream' });
  native.closeFd(client);
});

test('clients that left while they waited keep no other from being accepted', async (t) => {
  const { fd, port } = listening(t);
  for (let i = 0; i < 20; i++) (await connected(t, port)).resetAndDestroy();
  await connected(t, port);
  let open = 0;
  for (let client = native.accept(fd); client !== undefined; client = native.accept(fd)) {
    open++;
    native.closeFd(client);
  }
  assert.ok(open >= 1);
});

test('accept() and watchAccepts() refuse a socket that does not listen', async (t) => {
  const { fd, port } = listening(t);
  await connected(t, port);
  const client = native.accept(fd);
  for (const act of [() => native.accept(client), () => native.watchAccepts(client, () => {})]) {
    assert.equal(errorOf(act).code, 'EINVAL');
  }
  native.closeFd(client);
  for (const act of [() => native.accept(123_456), () => native.watchAccepts(123_456, () => {})]) {
    assert.match(errorOf(act).code, /^(ENOTSOCK|EBADF)$/);
  }
});

test('L2 a worker whose event loop is blocked delays no client', async (t) => {
  const { fd, port } = listening(t);
  const [blocked, other] = await Promise.all([serving(fd), serving(fd)]);
  // Longer than a client waits for an answer.
  blocked.send({ block: 3 * PATIENCE });
  await blocked.hear();
  const answers = await Promise.all(Array.from({ length: 200 }, () => ask(port)));
  assert.deepEqual(new Set(answers), new Set([String(other.pid)]));
});

/** Connections one after the other, from as many clients at a time, until `end()`. */
function load(port) {
  const tally = { answered: 0, failures: [] };
  let going = true;
  const client = async () => {
    while (going) {
      await ask(port).then(
        () => tally.answered++,
        (error) => tally.failures.push(error),
      );
    }
  };
  const clients = Array.from({ length: 16 }, client);
  return {
    async end() {
      going = false;
      await Promise.all(clients);
      return tally;
    },
  };
}

test('L4 workers that stop under load lose no connection', async (t) => {
  const { fd, port } = listening(t);
  const rounds = 6;
  let current = await Promise.all([serving(fd), serving(fd)]);
  const clients = load(port);
  for (let round = 0; round < rounds; round++) {
    const next = await Promise.all([serving(fd), serving(fd)]);
    const old = current;
    current = next;
    for (const worker of old) worker.send({ stop: true });
    for (const worker of old) assert.deepEqual(await within(worker.exit, 'the end'), { code: 0, signal: null });
  }
  const { answered, failures } = await clients.end();
  t.diagnostic(`${answered} connections answered over ${2 * rounds} stops`);
  assert.deepEqual(failures, []);
  assert.ok(answered > 10 * rounds);
});

test('L4 hundreds of closed watches lose no connection, also while no worker at all accepts', async (t) => {
  const { fd, port } = listening(t);
  const rounds = 150;
  const workers = await Promise.all([serving(fd), serving(fd)]);
  const clients = load(port);
  for (let round = 0; round < rounds; round++) {
    for (const worker of workers) worker.send({ leave: true });
    for (const worker of workers) assert.equal(await worker.hear(), 'left');
    for (const worker of workers) adoptedBy(worker, fd);
    for (const worker of workers) await worker.hear();
  }
  const { answered, failures } = await clients.end();
  t.diagnostic(`${answered} connections answered over ${2 * rounds} closed watches`);
  assert.deepEqual(failures, []);
  assert.ok(answered > rounds);
});

test('a watch keeps a process until unref(), and again after ref()', async () => {
  const run = async (then) => {
    const addon = new URL('addon.mjs', import.meta.url).href;
    const source = `import(${JSON.stringify(addon)}).then(({ native }) => {
      const { fd } = native.listen({ family: 'IPv4', address: '127.0.0.1', port: 0, backlog: 1, ipv6Only: false, reusePort: false });
      const watch = native.watchAccepts(fd, () => {});
      process.on('beforeExit', () => process.exit(3));
      ${then}
      setTimeout(() => process.exit(4), 500).unref();
    })`;
    const child = spawn(process.execPath, ['-e', source], { stdio: ['ignore', 'inherit', 'inherit'] });
    const [code] = await within(once(child, 'exit'), 'the end');
    return code;
  };
  assert.equal(await run(''), 4);
  assert.equal(await run('watch.unref();'), 3);
  assert.equal(await run('watch.unref(); watch.ref();'), 4);
  assert.equal(await run('watch.close();'), 3);
});
