import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { connectRaw, eventually, httpGet, sendSignal, startFleet, testOn } from '../../helpers/index.js';
import { eachSharing } from '../../helpers/sharing.js';

eachSharing(['shared', 'reuseport'] as const)(
  'W11 a worker that takes 1 s before it listens delays onMasterReady, and then a request is answered (%s)',
  async (sharing) => {
    const master = startFleet({ boot: 'wait:1000', options: { workers: 3, sharing } });
    const last = await master.event('serve', { nth: 3 });
    const { addresses, pids, at } = await master.event('onMasterReady');
    expect(at - last.at).toBeGreaterThan(900);
    const answers = await Promise.all(Array.from({ length: 20 }, () => httpGet({ port: addresses[0].port })));
    for (const answer of answers) expect(pids).toContain(answer.json().pid);
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
  },
);

testOn('posixProcesses')(
  'W11 a worker that was ready in time is not killed by a master that got no CPU until the time was over',
  async () => {
    const master = startFleet({ options: { workers: 1, readyTimeout: 4_000 } });
    const { args } = await master.event('on spawn');
    sendSignal(master.pid, 'SIGSTOP');
    await delay(4_500);
    sendSignal(master.pid, 'SIGCONT');
    expect(await master.event('onMasterReady')).toMatchObject({ pids: [args[0]] });
    expect(master.stderr).not.toContain('is killed');
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
  },
  // The worker may get no CPU either, and be late indeed.
  { retry: 2 },
);

test('W11 when onMasterReady runs, every worker is ready', async () => {
  const master = startFleet({ options: { workers: 3 } });
  await master.event('onMasterReady');
  const info = await master.call('status');
  expect(info.workers.map(({ state }: { state: string }) => state)).toEqual(['ready', 'ready', 'ready']);
  expect(info.state).toBe('running');
});

test('W11 a connection made before any worker listens is answered by the first that does', async () => {
  const master = startFleet({ boot: 'wait:6000', options: { workers: 1 } });
  const { listener } = await master.event('serve');
  const early = await connectRaw({ port: listener.port });
  early.write('GET /early HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  expect(master.events('onMasterReady')).toEqual([]);
  expect(await early.until('"path":"/early"')).toContain('200 OK');
  early.close();
});

test('W11 with serve returning no server, ready() and not its return makes a worker ready', async () => {
  const master = startFleet({ serve: 'void', options: { workers: 2 } });
  const { pids } = await master.event('onMasterReady');
  expect(pids).toHaveLength(2);
  const silent = startFleet({ serve: 'none', options: { workers: 1, readyTimeout: 700 } });
  expect(await silent.gone()).toEqual({ code: 1, signal: null });
  expect(silent.events('onMasterReady')).toEqual([]);
  const { error } = await silent.event('settled', { where: (event) => !event['child'] });
  expect(error).toMatchObject({ code: 'ERR_PREFORK_BOOT_FAILED' });
  expect(error.message).toContain('not ready within 700 ms');
});

test('W11 a recovered worker takes over only when it is ready', async () => {
  const master = startFleet({ boot: 'wait:300', options: { workers: 1 } });
  const { pids, addresses } = await master.event('onMasterReady');
  sendSignal(pids[0], 'SIGKILL');
  const { newPid } = await master.event('onChildRecover');
  expect((await httpGet({ port: addresses[0].port })).json().pid).toBe(newPid);
  const info = await eventually(async () => (await master.call('status')).workers[0]);
  expect(info).toMatchObject({ slot: 0, pid: newPid, state: 'ready' });
});
