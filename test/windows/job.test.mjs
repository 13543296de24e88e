import assert from 'node:assert/strict';
import { test } from 'node:test';
import { native } from './addon.mjs';
import { errorOf, isAlive, start, untilDead, within } from './helpers.mjs';

async function idle() {
  const started = start('idles.mjs', { detached: true });
  await started.hear();
  return started;
}

test('terminate() ends the worker with the code, and later returns that no process is left', async (t) => {
  const worker = await idle();
  const job = native.createJob(worker.pid);
  t.after(() => job.close());
  assert.equal(job.terminate(9), true);
  assert.deepEqual(await within(worker.exit, 'the end'), { code: 9, signal: null });
  assert.equal(job.terminate(9), false);
});

test('terminate() ends what the worker started, too', async (t) => {
  const worker = start('starts-child.mjs', { detached: true });
  await worker.hear();
  const job = native.createJob(worker.pid);
  t.after(() => job.close());
  worker.send('start');
  const { child } = await worker.hear();
  assert.ok(isAlive(child));
  assert.equal(job.terminate(1), true);
  await within(worker.exit, 'the end');
  await untilDead(child);
});

test('close() ends the worker, unless it was released', async () => {
  const worker = await idle();
  const job = native.createJob(worker.pid);
  job.close();
  await within(worker.exit, 'the end');
  assert.equal(job.terminate(1), false);
  const released = await idle();
  const other = native.createJob(released.pid);
  other.release();
  other.close();
  other.close();
  // The answer to an order comes after the job's end.
  assert.ok(isAlive(released.pid));
  released.child.stdin.end();
  assert.deepEqual(await within(released.exit, 'the end'), { code: 0, signal: null });
});

test('a job that is released can still be terminated', async (t) => {
  const worker = await idle();
  const job = native.createJob(worker.pid);
  t.after(() => job.close());
  job.release();
  assert.equal(job.terminate(1), true);
  await within(worker.exit, 'the end');
});

for (const [end, kill] of [
  ['is killed', (master) => master.child.kill('SIGKILL')],
  ['exits', (master) => master.send('exit')],
]) {
  test(`W19b the kernel ends a worker whose master ${end}, though nothing of ours runs in it`, async () => {
    const master = start('owns-job.mjs');
    const { worker } = await master.hear();
    assert.ok(isAlive(worker));
    kill(master);
    await master.exit;
    const took = await untilDead(worker);
    assert.ok(took < 1_000, `${took} ms`);
  });
}

test('a worker that was released outlives its master', async () => {
  const master = start('owns-job.mjs');
  const { worker } = await master.hear();
  master.send('release');
  await master.hear();
  master.child.kill('SIGKILL');
  await master.exit;
  assert.ok(isAlive(worker));
  process.kill(worker, 'SIGKILL');
});

test('a process that is gone, or never was, has no job', async () => {
  const worker = await idle();
  worker.child.kill('SIGKILL');
  await worker.exit;
  for (const pid of [worker.pid, 4_000_000_000]) assert.equal(errorOf(() => native.createJob(pid)).code, 'ESRCH');
});
