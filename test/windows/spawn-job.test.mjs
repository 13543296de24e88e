import assert from 'node:assert/strict';
import { test } from 'node:test';
import { native } from './addon.mjs';
import { errorOf, isAlive, start, untilDead } from './helpers.mjs';

const ASKS_FOR_JOBS = process.env.WINEPREFIX === undefined ? {} : { skip: 'Wine reports no limits of a job' };

/** @returns a master that answers each order, whose processes are ended with the test. */
async function masterOf(t) {
  // Detached: out of the job of this process, which lets children out.
  const master = start('holds-newborns.mjs', { detached: true });
  await master.hear();
  const started = [];
  t.after(() => {
    for (const pid of started) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  });
  const ask = async (order, more = {}) => {
    master.send({ order, ...more });
    return await master.hear();
  };
  return {
    ...master,
    ask,
    async starts() {
      const { pid } = await ask('start');
      started.push(pid);
      return pid;
    },
    async killed() {
      master.child.kill('SIGKILL');
      await master.exit;
    },
  };
}

test('W19b a process that is born while newborns are held ends with a master that is killed, without a job of its own', async (t) => {
  const master = await masterOf(t);
  assert.deepEqual(await master.ask('hold'), { held: true });
  const newborns = [await master.starts(), await master.starts()];
  assert.ok(newborns.every(isAlive));
  await master.killed();
  for (const pid of newborns) assert.ok((await untilDead(pid)) < 1_000);
});

test('a master that exits while newborns are held ends with its own exit code, and they end, too', async (t) => {
  const master = await masterOf(t);
  await master.ask('hold');
  const newborn = await master.starts();
  master.child.stdin.write('{"order":"exit"}\n');
  assert.deepEqual(await master.exit, { code: 7, signal: null });
  await untilDead(newborn);
});

test(
  'a master whose job lets children out holds no process, and none of them ends with that job',
  ASKS_FOR_JOBS,
  async (t) => {
    const master = await masterOf(t);
    // Node puts itself into such a job for what it does not detach.
    await master.ask('make a job of Node');
    assert.deepEqual(await master.ask('hold'), { held: false });
    const worker = await master.starts();
    await master.ask('let go');
    await master.killed();
    assert.ok(isAlive(worker));
  },
);

test('a process that was let go outlives the master, and so do those that were started before and after', async (t) => {
  const master = await masterOf(t);
  const before = await master.starts();
  await master.ask('hold');
  const meanwhile = await master.starts();
  assert.deepEqual(await master.ask('let go'), { held: true });
  const after = await master.starts();
  await master.killed();
  for (const pid of [before, meanwhile, after]) assert.ok(isAlive(pid));
});

test('a process that was started while none was held is never held', async (t) => {
  const master = await masterOf(t);
  await master.ask('hold');
  await master.ask('let go');
  const older = await master.starts();
  await master.ask('hold');
  const newborn = await master.starts();
  await master.killed();
  await untilDead(newborn);
  assert.ok(isAlive(older));
});

test('W19b newborns end with the last worker that may outlive the master, and do not take it along', async (t) => {
  const master = await masterOf(t);
  await master.ask('hold');
  const workers = [await master.starts(), await master.starts()];
  for (const pid of workers) await master.ask('share', { pid });
  await master.ask('let go');
  await master.ask('hold');
  const newborn = await master.starts();
  await master.killed();
  process.kill(workers[0], 'SIGKILL');
  await untilDead(workers[0]);
  assert.ok(isAlive(workers[1]));
  assert.ok(isAlive(newborn));
  process.kill(workers[1], 'SIGKILL');
  await untilDead(newborn);
});

test('newborns cannot be shared with a process that is gone', () => {
  native.holdNewborns(true);
  native.holdNewborns(false);
  assert.equal(errorOf(() => native.shareNewborns(4_000_000_000)).code, 'ESRCH');
});
