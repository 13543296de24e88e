import { expect, test } from 'vitest';
import { makeDeployment } from '../../helpers/deployment.js';
import {
  connectRaw,
  eachOn,
  eventually,
  httpGet,
  isAlive,
  patience,
  startReadyFleet,
  untilReaped,
} from '../../helpers/index.js';
import { eachSharing, LOSSLESS } from '../../helpers/sharing.js';

const surges = [
  { workers: 3, maxSurge: 1 },
  { workers: 4, maxSurge: 3 },
  { workers: 2, maxSurge: 8 },
];

eachOn(surges, () => ['posixProcesses'])(
  'a reload never has more than $workers + $maxSurge processes that are not draining',
  async ({ workers, maxSurge }) => {
    const deployment = makeDeployment();
    const { master } = await deployment.start({ workers, maxSurge, drainTimeout: 1_000 });
    for (let generation = 1; generation <= 3; generation++) {
      expect(await master.call('reload')).toMatchObject({ ok: true, generation });
    }
    // The states of all workers at the moment of every spawn: the only moments at which there can be one more.
    const present = master
      .events('on spawn')
      .map(({ states }) => states.filter((state: string) => state !== 'draining' && state !== 'exited').length);
    expect(Math.max(...present)).toBe(workers + Math.min(maxSurge, workers));
  },
  patience(120_000),
);

const streams = LOSSLESS.map((sharing) => ({ sharing, drainTimeout: 6_000 }));
const blocks = LOSSLESS.map((sharing) => ({ sharing, drainTimeout: 2_500 }));

eachSharing(streams)(
  'a replaced worker keeps a stream until drainTimeout and is cut there; reload() has long resolved, its successor serves ($sharing)',
  async ({ sharing, drainTimeout }) => {
    const { master, pids, port } = await startReadyFleet({
      options: { workers: 1, sharing, drainTimeout, readyFor: 0 },
    });
    const old = pids[0] as number;
    const stream = await connectRaw({ port });
    stream.write('GET /stream HTTP/1.1\r\nHost: x\r\n\r\n');
    await stream.until('.');
    const { replaced } = await master.call('reload');
    const [{ newPid }] = replaced;
    // A moment before the old one was asked to drain: that one may read it late.
    const { at: asked } = await master.event('serve', { where: ({ pid }) => pid === newPid });
    const before = stream.received.length;
    await eventually(() => stream.received.length > before, { what: 'the stream goes on' });
    expect((await httpGet({ port })).json().pid).toBe(newPid);
    await stream.ended(60_000);
    await untilReaped(old);
    const { at: gone, worker, exit } = await master.event('onChildExit');
    expect(worker.pid).toBe(old);
    expect(exit.requested).toBe(true);
    expect(gone - asked).toBeGreaterThanOrEqual(drainTimeout - 1);
    expect(gone - asked).toBeLessThan(drainTimeout * 10);
    // Resolved while the old worker still had its stream.
    expect((await master.event('on reload')).at).toBeLessThan(gone);
    expect((await httpGet({ port })).json().pid).toBe(newPid);
    expect(await master.call('status')).toMatchObject({ state: 'running', generation: 1, recoveries: 0 });
    expect(master.workers()).toEqual([newPid]);
  },
);

eachSharing(blocks)(
  'a replaced worker whose event loop is blocked is killed after drainTimeout, and no client of the others notices ($sharing)',
  async ({ sharing, drainTimeout }) => {
    const { master, pids, port } = await startReadyFleet({
      options: { workers: 1, sharing, drainTimeout, recoverThreshold: 0 },
    });
    const old = pids[0] as number;
    const blocked = httpGet({ port, path: '/block', within: 60_000 });
    blocked.catch(() => {});
    await master.event('request');
    const { ok, replaced } = await master.call('reload');
    expect(ok).toBe(true);
    expect((await httpGet({ port })).json().pid).toBe(replaced[0].newPid);
    const { at: gone, worker, exit } = await master.event('onChildExit');
    expect((await master.event('on reload')).at).toBeLessThan(gone);
    expect([worker.pid, exit]).toEqual([old, { code: null, signal: 'SIGKILL', requested: true }]);
    await expect(blocked).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect((await httpGet({ port })).json().pid).toBe(replaced[0].newPid);
    expect(await master.call('status')).toMatchObject({ state: 'running', recoveries: 0 });
  },
);

test('drains overlap: a reload does not wait for the workers that it replaced', async () => {
  const { master, pids, port } = await startReadyFleet({ options: { workers: 2, drainTimeout: 60_000 } });
  const streams = await Promise.all(Array.from({ length: 12 }, () => connectRaw({ port })));
  for (const stream of streams) stream.write('GET /stream HTTP/1.1\r\nHost: x\r\n\r\n');
  await Promise.all(streams.map((stream) => stream.until('.')));
  const busy = new Set(master.events('request').map(({ pid }) => pid));
  for (let generation = 1; generation <= 3; generation++) {
    expect(await master.call('reload')).toMatchObject({ ok: true, generation });
  }
  for (const pid of busy) expect(isAlive(pid)).toBe(true);
  const { workers } = await master.call('status');
  const draining = workers.filter(({ state }: { state: string }) => state === 'draining');
  expect(draining.map(({ pid }: { pid: number }) => pid)).toEqual(expect.arrayContaining([...busy]));
  for (const stream of streams) stream.close();
  for (const pid of pids) await untilReaped(pid);
});
