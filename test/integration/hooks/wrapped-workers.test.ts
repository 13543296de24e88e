/** Workers that run behind a wrapper: the process that was started is not the one that serves. */

import { expect, test } from 'vitest';
import { connectRaw, eventually, isAlive, sendSignal, startMaster, testOn, untilDead } from '../../helpers/index.js';

test('C22 a blocked worker behind a shell is gone when the stop is over', async () => {
  const config = { how: 'behind a shell', options: { workers: 1, shutdownGracePeriod: 500 } };
  const master = startMaster('workers-by-producer', { args: [JSON.stringify(config)] });
  const { pids, addresses } = await master.event('onMasterReady');
  const serving = (await master.event('serve')).pid as number;
  expect(pids).not.toContain(serving);
  const client = await connectRaw({ port: addresses[0].port });
  client.write('GET /block HTTP/1.1\r\nHost: x\r\n\r\n');
  await master.event('request');
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
  // It has closed everything; the kernel may not be done with it.
  await untilDead(serving, { within: 2_000 });
});

testOn('signals', 'posixProcesses')(
  'a worker that was asked to end by a signal that never reached it, and becomes ready, ends then, long before the deadline',
  async () => {
    const how = 'behind a shell that ignores SIGTERM';
    const config = { how, boot: 'late', options: { workers: 1, shutdownGracePeriod: 60_000 } };
    const master = startMaster('workers-by-producer', { args: [JSON.stringify(config)] });
    await master.event('serve');
    master.kill('SIGTERM');
    expect(await master.gone({ within: 10_000 })).toEqual({ code: 0, signal: null });
    expect(master.stderr).not.toContain('killed');
  },
);

test.each(['idle', 'block'])('W19f workers behind a shell end when their master is killed (%s)', async (boot) => {
  const grace = 700;
  const config = { how: 'behind a shell', boot, options: { workers: 2, shutdownGracePeriod: grace } };
  const master = startMaster('workers-by-producer', { args: [JSON.stringify(config)] });
  await master.event('serve', { nth: 2 });
  if (boot === 'idle') await master.event('onMasterReady');
  const serving = master.events('serve').map(({ pid }) => pid as number);
  expect(serving.every(isAlive)).toBe(true);
  sendSignal(master.pid, 'SIGKILL');
  await eventually(() => !serving.some(isAlive), { within: grace + 5_000, what: 'they end' });
  await master.gone();
});
