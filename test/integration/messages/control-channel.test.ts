import { expect, test } from 'vitest';
import { isAlive, isLinux, type Master, startMaster, testOn, testWhen } from '../../helpers/index.js';

const BROKE = 'broke the protocol of the control channel';

interface Ready {
  readonly master: Master;
  readonly pids: readonly number[];
}

async function start(options: Record<string, unknown> = {}, more: Record<string, unknown> = {}): Promise<Ready> {
  const config = { options: { recoverInterval: 0, ...options }, ...more };
  const master = startMaster('says-anything', { args: [JSON.stringify(config)] });
  const { pids } = await master.event('onMasterReady');
  return { master, pids };
}

async function stops(master: Master): Promise<void> {
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
}

function lines(master: Master, text: string): readonly string[] {
  return master.events('log').flatMap((event) => (event['text'].includes(text) ? [event['text'] as string] : []));
}

const weird = { toString: 1, valueOf: 1 };

test.each([
  ['an object for a signal', { type: 'began-draining', signal: weird }],
  ['a signal that does not exist', { type: 'began-draining', signal: 'SIGNOTHING' }],
  ['an object for a text', { type: 'wrote-stderr', text: weird }],
  ['no error', { type: 'boot-failed', error: null }],
  ['an error of numbers', { type: 'boot-failed', error: { name: 1, message: 2 } }],
  ['an object for a pid', { type: 'became-ready', pid: weird }],
  ['a slot that is no number', { type: 'adoption-failed', slot: '__proto__' }],
  ['a reason that is no text', { type: 'wants-replacement', reason: [] }],
  ['a port out of range', { type: 'answered', for: 'liveness', inspector: 70_000 }],
  ['a type of no message', { type: 'constructor' }],
  ['a type that is inherited', { __proto__: null, type: '__proto__' }],
])(
  'N10a a worker that says %s is named in one line, killed and recovered; nothing else happens',
  async (_what, said) => {
    const { master, pids } = await start();
    await master.call('sendTo', 0, { does: 'say', lines: [JSON.stringify(said), '{}', 'x'] });
    const { newPid } = await master.event('onChildRecover', { where: ({ oldPid }) => oldPid === pids[0] });
    expect(lines(master, `${BROKE} and is killed`)).toEqual([
      expect.stringContaining(`worker 0 (pid ${pids[0]}, generation 0) ${BROKE} and is killed; it said `),
    ]);
    const exit = await master.event('onChildExit');
    expect(exit).toMatchObject({ slot: 0, pid: pids[0], exit: { signal: 'SIGKILL', requested: false } });
    expect(lines(master, `the master killed it: it ${BROKE}`)).toHaveLength(1);
    expect(isAlive(pids[1] as number)).toBe(true);
    expect((await master.call('status')).workers.map(({ pid }: { pid: number }) => pid)).toEqual([newPid, pids[1]]);
    await stops(master);
  },
);

test('N10b a line without an end costs the master no more than its limit, and the worker its life', async () => {
  const { master, pids } = await start();
  const before = await master.call('health');
  await master.call('sendTo', 0, {
    does: 'say',
    base64: Buffer.alloc(1024 * 1024, 'x').toString('base64'),
    times: 200,
  });
  await master.event('onChildRecover', { where: ({ oldPid }) => oldPid === pids[0] });
  expect(lines(master, `${BROKE} and is killed`)).toHaveLength(1);
  const { rss } = await master.call('health');
  // 16 MiB, in a buffer that doubles.
  expect(rss - before.rss).toBeLessThan(100e6);
  await stops(master);
});

test('N10b after the first line that makes no sense the master reads no more: 18 MB of them hold nothing up', async () => {
  const { master, pids } = await start();
  await master.call('health');
  const base64 = Buffer.from('x\n'.repeat(30_000)).toString('base64');
  await master.call('sendTo', 0, { does: 'say', base64, times: 300 });
  await master.event('onChildRecover', { where: ({ oldPid }) => oldPid === pids[0] });
  expect((await master.call('health')).longest).toBeLessThan(1_000);
  expect(lines(master, `${BROKE} and is killed`)).toHaveLength(1);
  await stops(master);
});

test('N10b a flood of valid messages arrives whole, and the loop of the master turns meanwhile', async () => {
  const { master, pids } = await start();
  await master.call('health');
  const flood = Buffer.from('{"type":"message","data":1}\n'.repeat(10_000)).toString('base64');
  await master.call('sendTo', 0, { does: 'say', base64: flood, times: 30 });
  await master.call('sendTo', 0, { does: 'say', lines: ['{"type":"message","data":{"last":true}}'] });
  expect(await master.event('last', { within: 60_000 })).toMatchObject({ heard: 300_001 });
  // One turn of the flood takes 4 ms.
  expect((await master.call('health')).longest).toBeLessThan(1_000);
  expect(isAlive(pids[0] as number)).toBe(true);
  await stops(master);
});

test('N10c messages that are valid and impossible change nothing: said twice, too early, too late, for others', async () => {
  const { master, pids } = await start();
  const said: readonly object[] = [
    { type: 'became-ready', pid: pids[1] },
    { type: 'became-ready', pid: 1 },
    { type: 'watching', pid: pids[1] },
    { type: 'listening' },
    { type: 'answered', for: 'queue', id: 4_711 },
    { type: 'answered', for: 'liveness', inspector: 22 },
    { type: 'adoption-failed', slot: 0 },
    { type: 'adoption-failed', slot: 65_535 },
    { type: 'changed-hearing', messages: true },
    { type: 'boot-failed', error: { name: 'Error', message: 'after ready', more: true } },
    { type: 'wrote-stderr', text: 'after ready' },
    { type: 'message', data: { __proto__: null, constructor: 1 }, more: 'dropped' },
    { type: 'message', data: { last: true } },
  ];
  await master.call('sendTo', 0, { does: 'say', lines: said.map((message) => JSON.stringify(message)) });
  await master.event('last');
  // Bytes that are no UTF-8, half a surrogate, NUL: text like any other.
  const bytes = Buffer.concat([
    Buffer.from('{"type":"message","data":"'),
    Buffer.from([0xff, 0xc0, 0x80, 0xed, 0xa0, 0x80]),
    Buffer.from('\\u0000\\ud800"}\n{"type":"message","data":{"last":true}}\n'),
  ]);
  await master.call('sendTo', 0, { does: 'say', base64: bytes.toString('base64') });
  expect(await master.event('last', { nth: 2 })).toMatchObject({ heard: 4 });
  const { state, workers } = await master.call('status');
  expect(state).toBe('running');
  expect(workers.map(({ pid }: { pid: number }) => pid)).toEqual(pids);
  expect(lines(master, BROKE)).toEqual([]);
  await stops(master);
});

testWhen(isLinux, 'needs proc(5)')(
  'N10d SIGKILL ends a worker and nothing else, whichever pid that worker says is its own, and the master exits',
  async () => {
    const stranger = startMaster('harness-probe');
    await stranger.event('started');
    for (const readyAs of ['master', stranger.pid, 1, 0xffff_ffff]) {
      const { master, pids } = await start({ shutdownGracePeriod: 500 }, { readyAs });
      for (const slot of [0, 1]) await master.call('sendTo', slot, { does: 'block' });
      master.kill('SIGTERM');
      expect(await master.gone()).toEqual({ code: 0, signal: null });
      const exits = master.events('onChildExit').map(({ pid, exit }) => [pid, exit.signal]);
      expect(exits.sort()).toEqual(pids.map((pid) => [pid, 'SIGKILL']).sort());
      expect(isAlive(stranger.pid)).toBe(true);
    }
  },
);

testOn('signals')(
  'N10t a worker that closes its control channel and goes on is replaced, and drains on SIGTERM',
  async () => {
    const { master, pids } = await start({ readyFor: 200 });
    await master.call('sendTo', 0, { does: 'hangUp' });
    const { exit } = await master.event('onChildExit', { where: ({ pid }) => pid === pids[0] });
    expect(exit).toEqual({ code: 0, signal: null, requested: true });
    expect(lines(master, 'is recycled: it has closed its control channel')).toHaveLength(1);
    const workers = (await master.call('status')).workers as { pid: number; state: string }[];
    expect(workers.map(({ state }) => state)).toEqual(['ready', 'ready']);
    expect(workers.map(({ pid }) => pid)).not.toContain(pids[0]);
    await stops(master);
  },
);

testOn('signals')('N10t a stop ends a worker that has closed its control channel by SIGTERM', async () => {
  const { master, pids } = await start({ shutdownGracePeriod: 20_000 });
  await master.call('sendTo', 0, { does: 'hangUp' });
  await stops(master);
  expect(lines(master, 'was killed')).toEqual([]);
  const { exit } = await master.event('onChildExit', { where: ({ pid }) => pid === pids[0] });
  expect(exit).toEqual({ code: 0, signal: null, requested: true });
});

testOn('signals')(
  'N10t a worker that closes its control channel while it boots can never say that it is ready: it is killed at once, and start() names that',
  async () => {
    const config = { options: { readyTimeout: 60_000 }, hangsUp: 1 };
    const master = startMaster('says-anything', { args: [JSON.stringify(config)] });
    expect(await master.gone()).toEqual({ code: 1, signal: null });
    const { code, message } = await master.event('settled', { where: ({ ok }) => ok === false });
    expect(code).toBe('ERR_PREFORK_BOOT_FAILED');
    expect(message).toMatch(/^worker 1 \(pid \d+, generation 0\) closed its control channel before it was ready$/);
    expect(lines(master, 'closed its control channel before it was ready, and is killed')).toHaveLength(1);
    expect(lines(master, 'was not ready within')).toEqual([]);
  },
);
