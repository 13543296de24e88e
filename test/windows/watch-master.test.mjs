import assert from 'node:assert/strict';
import { test } from 'node:test';
import { native } from './addon.mjs';
import { errorOf, isAlive, start, within } from './helpers.mjs';

const UNUSED_PID = 2 ** 31 - 4;

/** A process in the role of the master; older than every worker that watches it. */
async function master() {
  const started = start('idles.mjs');
  await started.hear();
  return started;
}

async function watching(pid, grace, meanwhile = 'idle') {
  const worker = start('watches-master.mjs', {}, pid, grace, meanwhile);
  assert.equal(await worker.hear(), 'watching');
  return worker;
}

/** Kills the master and measures what follows. */
async function afterDeathOf({ child }, promise) {
  const begin = performance.now();
  child.kill('SIGKILL');
  return { result: await within(promise, 'what follows the death'), took: performance.now() - begin };
}

test('W19 a worker hears within a second that its master was killed', async () => {
  const parent = await master();
  const worker = await watching(parent.pid, 60_000);
  const { result, took } = await afterDeathOf(parent, worker.hear());
  assert.deepEqual(result, { died: true });
  assert.ok(took < 1_000, `${took} ms`);
  assert.ok(isAlive(worker.pid));
  worker.child.kill('SIGKILL');
});

test('W19a, W20 a worker whose event loop is blocked ends with code 1 when its grace is over', async () => {
  const parent = await master();
  const worker = await watching(parent.pid, 300, 'block');
  const { result, took } = await afterDeathOf(parent, worker.exit);
  assert.deepEqual(result, { code: 1, signal: null });
  assert.ok(took >= 300 && took < 1_300, `${took} ms`);
});

test('W19a a worker that is stuck in a write to stderr, which no process reads, ends nevertheless', async () => {
  const parent = await master();
  const options = { stdio: ['pipe', 'pipe', 'pipe'] };
  const worker = start('watches-master.mjs', options, parent.pid, 300, 'spam');
  assert.equal(await worker.hear(), 'watching');
  const { result, took } = await afterDeathOf(parent, worker.exit);
  assert.deepEqual(result, { code: 1, signal: null });
  // A second, in which the worker may write why it ends.
  assert.ok(took < 2_300, `${took} ms`);
});

test('W19d a worker that hears of the death and does nothing ends when its grace is over', async () => {
  const parent = await master();
  const worker = await watching(parent.pid, 300);
  const { result } = await afterDeathOf(parent, worker.exit);
  assert.equal(result.code, 1);
});

test('W19b until it is configured the watch ends a worker at once', async () => {
  const parent = await master();
  const worker = await watching(parent.pid, 'default', 'block');
  const { result, took } = await afterDeathOf(parent, worker.exit);
  assert.equal(result.code, 1);
  assert.ok(took < 1_000, `${took} ms`);
});

test('W19b a master that is gone before the watch begins is a dead master', async () => {
  const parent = await master();
  parent.child.kill('SIGKILL');
  await parent.exit;
  for (const pid of [parent.pid, UNUSED_PID]) {
    const worker = start('watches-master.mjs', {}, pid, 'default', 'idle');
    assert.deepEqual(await within(worker.exit, 'the end'), { code: 1, signal: null });
  }
});

test('another process with the number of the master is not the master, and the master itself is', async () => {
  const worker = await watching('later', 60_000);
  worker.send({ watch: process.pid, started: native.startTime });
  const other = await watching('later', 'default');
  other.send({ watch: process.pid, started: String(BigInt(native.startTime) - 1n) });
  assert.deepEqual(await within(other.exit, 'the end of the other worker'), { code: 1, signal: null });
  worker.send({ exitAfter: 0, code: 5 });
  assert.deepEqual(await within(worker.exit, 'the end'), { code: 5, signal: null });
});

test('a watch that is off, or closed, ends no worker', async () => {
  const parent = await master();
  const off = await watching(parent.pid, null);
  const closed = await watching(parent.pid, 0);
  closed.send({ close: true });
  assert.equal(await closed.hear(), 'closed');
  parent.child.kill('SIGKILL');
  await parent.exit;
  // A watch that is on is the clock: when it has ended its worker, these had their time.
  const worker = start('watches-master.mjs', {}, parent.pid, 'default', 'idle');
  await within(worker.exit, 'the end of the other worker');
  assert.ok(isAlive(off.pid));
  assert.ok(isAlive(closed.pid));
});

test('exitAfter ends a worker with its code while the event loop is blocked', async () => {
  const parent = await master();
  const worker = await watching(parent.pid, 60_000);
  const begin = performance.now();
  worker.send({ exitAfter: 200, code: 7 });
  assert.deepEqual(await within(worker.exit, 'the end'), { code: 7, signal: null });
  const took = performance.now() - begin;
  assert.ok(took >= 200 && took < 2_000, `${took} ms`);
});

test('the watch takes only what makes sense', () => {
  assert.equal(errorOf(() => native.watchMaster({ pid: 0 }, () => {})).code, 'ERR_INVALID_ARG_VALUE');
  assert.equal(errorOf(() => native.watchMaster({ pid: 4, started: '0x1' }, () => {})).code, 'ERR_INVALID_ARG_VALUE');
  assert.equal(errorOf(() => native.watchMaster({ pid: 4 })).code, 'ERR_INVALID_ARG_VALUE');
});
