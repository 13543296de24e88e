import { expect, test } from 'vitest';
import {
  eventually,
  httpGet,
  type Master,
  sendSignal,
  startMaster,
  target,
  testOn,
  testWhen,
} from '../../helpers/index.js';

async function start(config: Record<string, unknown> = {}) {
  const master = startMaster('says-anything', { args: [JSON.stringify(config)], nodeArgs: ['--expose-gc'] });
  const { pids, addresses } = await master.event('onMasterReady');
  return { master, pids: pids as readonly number[], port: addresses[0].port as number };
}

async function stops(master: Master): Promise<void> {
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
}

function lines(master: Master, text: string): readonly string[] {
  return master.events('log').flatMap((event) => (event['text'].includes(text) ? [event['text'] as string] : []));
}

/** Messages of so many bytes, two hundred in each turn of the master: how many of them went to two workers, to one, to none. */
async function broadcasts(master: Master, count: number, size: number): Promise<readonly number[]> {
  const totals = [0, 0, 0];
  for (let sent = 0; sent < count; sent += 200) {
    const took: Record<string, number> = await master.call('broadcastAll', 200, size);
    for (const [workers, times] of Object.entries(took))
      totals[Number(workers)] = (totals[Number(workers)] ?? 0) + times;
  }
  return totals;
}

const MB = 1024 * 1024;

testOn('signals')(
  'N8m a worker that does not read is refused messages: the master stays small, the others get all of them',
  async () => {
    const { master, pids } = await start();
    const before = await master.call('health');
    sendSignal(pids[0] as number, 'SIGSTOP');
    const [none, one, both] = (await broadcasts(master, 20_000, 10_000)) as [number, number, number];
    expect(none + one + both).toBe(20_000);
    // 8 MiB, and what the kernel holds.
    expect(both).toBeGreaterThan(500);
    expect(both * 10_000).toBeLessThan(10 * MB);
    expect(one).toBeGreaterThan(both);
    expect(await master.call('sendTo', 0, 'x'.repeat(100_000))).toBe(false);
    // Twice the limit: two workers. Garbage goes away, with time.
    await eventually(async () => (await master.call('health')).held - before.held < 25 * MB, { within: 10_000 });
    expect(lines(master, 'worker 0').filter((text) => text.includes('does not read its messages'))).toEqual([
      expect.stringMatching(
        `worker 0 \\(pid ${pids[0]}, generation 0\\) does not read its messages: \\d\\.\\d MB wait`,
      ),
    ]);
    sendSignal(pids[0] as number, 'SIGCONT');
    await eventually(async () => (await master.call('sendTo', 0, 'count')) === true);
    expect(await master.event('heard', { where: ({ slot }) => slot === 0 })).toMatchObject({ heard: both + 1 });
    await eventually(async () => (await master.call('sendTo', 1, 'count')) === true);
    expect(await master.event('heard', { where: ({ slot }) => slot === 1 })).toMatchObject({ heard: one + both + 1 });
    await stops(master);
  },
);

testWhen(
  target.platform !== 'win32',
  'cannot exist on win32: send() of a worker waits there until the master has read',
)('N8n a master that does not read gets no more than is bounded, and all that was taken', async () => {
  const { master } = await start({ options: { workers: 1 } });
  await master.call('tellAndBlock', 0, { does: 'sendAll', size: 1_000, most: 200_000 }, 4_000);
  const { taken, rss } = await master.event('sent all');
  expect(taken).toBeLessThan(15_000);
  expect(rss).toBeLessThan(150 * MB);
  await eventually(async () => (await master.call('health')).heard === taken);
  expect(lines(master, 'the master does not read its messages')).toHaveLength(1);
  await stops(master);
});

test('N8o messages that nothing listens to are bounded, and a listener that comes late hears all that was taken', async () => {
  const { master, port } = await start({ lateListener: true, options: { workers: 1 } });
  const first = (await httpGet({ port })).json<{ rss: number }>();
  const [none, one] = (await broadcasts(master, 40_000, 1_000)) as [number, number];
  expect(none).toBeGreaterThan(20_000);
  expect((await httpGet({ port })).json<{ rss: number }>().rss - first.rss).toBeLessThan(60 * MB);
  expect(lines(master, 'nothing here listens to the messages of the master')).toHaveLength(1);
  await httpGet({ port, path: '/listen' });
  await eventually(async () => (await master.call('sendTo', 0, 'count')) === true);
  expect(await master.event('heard')).toMatchObject({ heard: one + 1 });
  await stops(master);
});

test('N8p a message that is too long is a RangeError of its sender, and the next one arrives', async () => {
  const { master } = await start();
  await expect(master.call('broadcastAll', 1, 17 * MB)).rejects.toMatchObject({
    name: 'RangeError',
    message: expect.stringContaining('16 MiB') as string,
  });
  expect(await master.call('broadcastAll', 1, 10 * MB)).toEqual({ 2: 1 });
  await stops(master);
});
