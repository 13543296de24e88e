import { expect, test } from 'vitest';
import {
  httpGet,
  isAlive,
  type Master,
  openFds,
  sendSignal,
  startMaster,
  target,
  testOn,
  untilReaped,
} from '../../helpers/index.js';
import { overAndClean, type Run, spawned } from '../../helpers/whole-run.js';

interface ProducerConfig {
  /** The way in which the producer goes wrong at call `at`, a name of `test/fixtures/produces-commands.mjs`. Absent: it does not. */
  readonly way?: string;
  /** Default: `2`, the second slot. */
  readonly at?: number;
  readonly spawnHookThrows?: boolean;
  readonly options?: Readonly<Record<string, unknown>>;
}

function startProducing(config: ProducerConfig): Master {
  return startMaster('produces-commands', { args: [JSON.stringify(config)] });
}

/** Waits until the fleet ends by itself, and proves that every process that the producer ever started is gone. */
async function producerFails(config: ProducerConfig): Promise<Run> {
  const run = await overAndClean(startProducing(config));
  expect(run.exit).toEqual({ code: 1, signal: null });
  for (const { pid } of run.master.events('started')) expect(isAlive(pid), `process ${pid} is alive`).toBe(false);
  return run;
}

testOn('descriptors')('C5 a commandProducer sees one open file, and what it spawns with it serves', async () => {
  const master = startProducing({});
  const { pids, addresses } = await master.event('onMasterReady');
  const { exclusiveAccept } = await master.call('features');
  expect(pids).toEqual(master.events('started').map(({ pid }) => pid));
  for (const { files, stdio, targets } of master.events('command')) {
    expect(files).toEqual([{ fd: expect.any(Number), name: '0', address: addresses[0] }]);
    // The control channel, the memory that the workers share where they stand in line, and that in which they count.
    const own = Array.from({ length: exclusiveAccept ? 3 : 2 }, () => expect.any(Number));
    expect(stdio).toEqual(['ignore', 'inherit', 'inherit', files[0].fd, ...own]);
    expect(openFds(master.pid).get(files[0].fd)).toBe(targets[0]);
    for (const pid of pids) expect(openFds(pid).get(3)).toBe(targets[0]);
  }
  expect(pids).toContain(Number((await httpGet({ port: addresses[0].port })).body));
  master.kill('SIGTERM');
  const { settled, exit } = await overAndClean(master);
  expect(settled).toMatchObject({ ok: true });
  expect(exit).toEqual({ code: 0, signal: null });
});

test('C5 onChildSpawn that throws rejects with that error as cause; the listener is closed, the worker reaped', async () => {
  const { master, settled } = await producerFails({ spawnHookThrows: true, options: { workers: 1 } });
  expect(settled['error']).toMatchObject({ code: 'ERR_PREFORK_HOOK', cause: { message: 'as asked', code: 'E_ASKED' } });
  expect(master.events('command')).toHaveLength(1);
  expect(master.events('onChildSpawn').map(({ pid }) => pid)).toEqual(spawned(master));
});

test.each([
  ['throw', { message: 'as asked', code: 'E_ASKED' }],
  ['reject', { message: 'as asked', code: 'E_ASKED' }],
  ['throw a string', { thrown: 'as asked' }],
])('C7a a producer whose way is to %s ends the fleet with what it threw as cause', async (way, cause) => {
  const { settled, master } = await producerFails({ way });
  expect(settled['error']).toMatchObject({ code: 'ERR_PREFORK_COMMAND_PRODUCER', cause });
  expect(settled['error'].message).toMatch(/slot 1: as asked/);
  expect(spawned(master)).toHaveLength(1);
});

test.each(['return undefined', 'return null', 'resolve to nothing'])(
  'C7b a producer whose way is to %s ends the fleet with a code of its own',
  async (way) => {
    const { settled } = await producerFails({ way });
    expect(settled['error']).toMatchObject({ code: 'ERR_PREFORK_COMMAND_PRODUCER_NIL' });
  },
);

test.each([
  ['return a program that does not exist', { code: 'ENOENT', syscall: 'spawn /does/not/exist' }],
  ['return a program that is not executable', { code: target.platform === 'win32' ? 'ENOENT' : 'EACCES' }],
  ['return a directory to run in that does not exist', { code: 'ENOENT' }],
  ['return a plain object', undefined],
])('C7c a producer whose way is to %s has not started a process', async (way, cause) => {
  const { settled } = await producerFails({ way });
  const { error } = settled;
  expect(error).toMatchObject({ code: 'ERR_PREFORK_COMMAND_PRODUCER_NOT_STARTED', ...(cause && { cause }) });
});

test('C7c a process that ended before the producer returned it is a boot failure, not a hang', async () => {
  const { settled } = await producerFails({ way: 'return a process that has ended' });
  expect(settled['error']).toMatchObject({
    code: 'ERR_PREFORK_BOOT_FAILED',
    exits: [{ slot: 1, code: 0, signal: null }],
  });
});

test.each([
  ['start and throw', 'ERR_PREFORK_COMMAND_PRODUCER', 2],
  ['start and reject later', 'ERR_PREFORK_COMMAND_PRODUCER', 2],
  ['start two and return nothing', 'ERR_PREFORK_COMMAND_PRODUCER_NIL', 3],
  ['start what ignores SIGTERM and throw', 'ERR_PREFORK_COMMAND_PRODUCER', 2],
])('C7d a producer whose way is to %s leaks no process', async (way, code, started) => {
  const { master, settled } = await producerFails({ way });
  expect(settled['error']).toMatchObject({ code });
  expect(master.events('started')).toHaveLength(started);
});

test('N2h a producer that fails for a replacement costs that slot alone while another one serves, and leaks nothing', async () => {
  const options = { recoverInterval: { initial: 3_000 } };
  const master = startProducing({ way: 'start and throw', at: 3, options });
  const { pids, addresses } = await master.event('onMasterReady');
  sendSignal(pids[0], 'SIGKILL');
  await master.event('command', { nth: 3 });
  expect((await httpGet({ port: addresses[0].port })).body).toBe(String(pids[1]));
  expect(await master.event('onChildRecover')).toMatchObject({ newPid: spawned(master).at(-1) });
  expect(master.stderr).toMatch(/could not be started: commandProducer failed for slot 0: as asked\n/);
  expect(master.stderr).toMatch(/slot 0 is filled again in \d+ ms: not counted, because other slots serve/);
  master.kill('SIGTERM');
  expect((await overAndClean(master)).exit).toEqual({ code: 0, signal: null });
  for (const { pid } of master.events('started')) expect(isAlive(pid), `process ${pid} is alive`).toBe(false);
});

test('C7d a producer that fails for a replacement when no worker serves ends the fleet, and what it had started', async () => {
  const master = startProducing({ way: 'start and throw', at: 2, options: { workers: 1 } });
  const { pids } = await master.event('onMasterReady');
  sendSignal(pids[0], 'SIGKILL');
  const { settled } = await overAndClean(master);
  expect(settled['error']).toMatchObject({ code: 'ERR_PREFORK_COMMAND_PRODUCER', cause: { message: 'as asked' } });
  const started = master.events('started').map(({ pid }) => pid);
  expect(started).toHaveLength(2);
  for (const pid of started) expect(isAlive(pid), `process ${pid} is alive`).toBe(false);
  expect(master.events('onChildRecover')).toEqual([]);
});

test('C7d the master ends at once a process that the producer starts when the fleet is over already', async () => {
  const options = { shutdownGracePeriod: 300 };
  const master = startProducing({ way: 'start when the fleet is over', options });
  await master.event('command', { nth: 2 });
  master.kill('SIGTERM');
  expect(await master.event('settled', { where: ({ child }) => !child })).toMatchObject({ ok: true });
  const { pid } = await master.event('started', { nth: 2 });
  expect(await master.gone()).toEqual({ code: 0, signal: null });
  expect(isAlive(pid)).toBe(false);
});

test('C8 a worker of a commandProducer is recovered like any other', async () => {
  const master = startProducing({});
  const { pids, addresses } = await master.event('onMasterReady');
  sendSignal(pids[0], 'SIGKILL');
  const { oldPid, newPid } = await master.event('onChildRecover');
  expect(oldPid).toBe(pids[0]);
  expect(newPid).toBe(spawned(master)[2]);
  await untilReaped(oldPid);
  sendSignal(pids[1], 'SIGSTOP');
  expect((await httpGet({ port: addresses[0].port })).body).toBe(String(newPid));
  sendSignal(pids[1], 'SIGCONT');
  master.kill('SIGTERM');
  expect((await overAndClean(master)).exit).toEqual({ code: 0, signal: null });
});
