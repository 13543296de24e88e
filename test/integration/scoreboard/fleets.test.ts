import { expect, test } from 'vitest';
import type { FleetReading, SlotReading, Status } from '../../../lib/types.js';
import {
  canRefuseSyscalls,
  connectRaw,
  eventually,
  httpGet,
  type Master,
  openFds,
  refusing,
  sendSignal,
  startReadyFleet,
  target,
  testOn,
  testWhen,
  testWithProc,
} from '../../helpers/index.js';

/** Milliseconds: more than a second, in which every worker reports, and less than the ten of idle ones. */
const IDLE_FOR = 9_000;

const read = (master: Master): Promise<FleetReading> => master.call('metrics');

testOn('sharedMemory')(
  'M4 in a reload two workers share a slot, each with its own numbers, and both count',
  async () => {
    const { master, port } = await startReadyFleet({ options: { workers: 1, readyFor: 0 } });
    const client = await connectRaw({ port });
    client.write('GET /hang HTTP/1.1\r\nHost: x\r\n\r\n');
    await master.event('request');
    expect(await master.call('reload')).toMatchObject({ ok: true });
    await httpGet({ port });
    const { workers, totals } = await read(master);
    const both = workers.toSorted((a, b) => a.generation - b.generation);
    expect(both).toMatchObject([
      {
        slot: 0,
        generation: 0,
        state: 'draining',
        acceptedTotal: 1,
        requestsTotal: 1,
        connections: 1,
        activeRequests: 1,
      },
      { slot: 0, generation: 1, state: 'ready', acceptedTotal: 1, requestsTotal: 1 },
    ] satisfies Partial<SlotReading>[]);
    expect(totals).toMatchObject({ accepted: 2, requests: 2, starts: 2, reloads: { ok: 1, failed: 0 } });
    client.close();
    await master.event('onChildExit');
    expect((await read(master)).totals).toMatchObject({ accepted: 2, requests: 2 });
    master.kill('SIGTERM');
    await master.gone();
  },
);

test('M8 with scoreboard: false workers count nothing, and the master goes on counting exits', async () => {
  const { master, port, pids } = await startReadyFleet({ options: { workers: 1, scoreboard: false } });
  await httpGet({ port });
  expect(await read(master)).toMatchObject({
    workers: [{ pid: pids[0], counted: false, requestsTotal: 0, loopDelayMax: 0 }],
    totals: { requests: 0, starts: 1 },
  });
  master.kill('SIGTERM');
  await master.gone();
});

testOn('signals')(
  'M9 every exit has its reason, and status() has memory, CPU time, restarts and the last exit of each slot',
  async () => {
    const { master, port } = await startReadyFleet({ options: { workers: 2, recoverInterval: 0 } });
    const lose = async (how: () => unknown): Promise<void> => {
      const recovered = master.next('onChildRecover');
      await how();
      await recovered;
    };
    await lose(() => httpGet({ port, path: '/exit?code=3' }).catch(() => {}));
    await lose(() => httpGet({ port, path: '/exit?code=0' }).catch(() => {}));
    await lose(() => sendSignal(master.workers()[0] as number, 'SIGKILL'));
    const { totals } = await read(master);
    expect(totals).toMatchObject({
      starts: 5,
      exits: { failed: 1, ended: 1, signal: 1, requested: 0, 'boot-failed': 0 },
    });
    const { workers, recoveries }: Status = await master.call('status');
    expect(recoveries).toBe(3);
    expect(workers.reduce((sum, { restarts }) => sum + restarts, 0)).toBe(3);
    for (const { rss, cpu } of workers) {
      expect(rss).toBeGreaterThan(10_000_000);
      expect(cpu).toBeGreaterThan(0);
    }
    const last = workers.map(({ lastExit }) => lastExit).filter((exit) => exit?.reason === 'signal');
    expect(last).toMatchObject([{ code: null, signal: 'SIGKILL', reason: 'signal' }]);
    expect(Date.now() - Date.parse(String(last[0]?.at))).toBeLessThan(60_000);
    expect(await master.call('reload')).toMatchObject({ ok: true });
    await eventually(async () => (await read(master)).totals.exits.requested === 2);
    master.kill('SIGTERM');
    await master.gone();
  },
);

testWhen(
  canRefuseSyscalls(),
  'needs python3 and seccomp',
  'posixProcesses',
)('M7 without memfd_create(2) workers report what they count, and the log says so', async () => {
  const { master, port } = await startReadyFleet(
    { options: { workers: 1 } },
    { wrapper: refusing('memfd_create', 'ENOSYS') },
  );
  await master.logged(/workers report what they count .*memfd_create/);
  for (let i = 0; i < 3; i++) await httpGet({ port });
  await eventually(
    async () => {
      const { totals, workers } = await read(master);
      return totals.requests === 3 && workers[0]?.connections === 0;
    },
    { what: 'the worker has reported that the third connection is closed' },
  );
  expect((await read(master)).workers).toMatchObject([{ counted: true, acceptedTotal: 3, connections: 0 }]);
  // The last report of a worker that drains is on time.
  await httpGet({ port });
  expect(await master.call('reload')).toMatchObject({ ok: true });
  await eventually(async () => (await read(master)).totals.requests === 4);
  master.kill('SIGTERM');
  await master.gone();
});

const sharesNone = target.lacks.sharedMemory !== undefined;

testWhen(sharesNone || canRefuseSyscalls(), 'needs python3 and seccomp')(
  'M7 workers that report what they count are not late for being idle, and what they have answered is there in a moment',
  async () => {
    const wrapper = sharesNone ? {} : { wrapper: refusing('memfd_create', 'ENOSYS') };
    const { master, port } = await startReadyFleet({ options: { workers: 2 } }, wrapper);
    for (let i = 0; i < 3; i++) await httpGet({ port });
    await eventually(async () => (await read(master)).totals.requests === 3);
    // They are idle from now on, and report every ten seconds.
    const idleSince = (await read(master)).at;
    const late: number[] = [];
    await eventually(
      async () => {
        const { at, workers } = await read(master);
        late.push(...workers.flatMap(({ lastTurnAt, loopDelayMax }) => [at - lastTurnAt, loopDelayMax]));
        return at - idleSince > IDLE_FOR;
      },
      { within: 3 * IDLE_FOR, what: 'some seconds of idleness' },
    );
    expect(Math.max(...late)).toBeLessThan((2 / 3) * IDLE_FOR);
    master.kill('SIGTERM');
    await master.gone();
  },
);

testWithProc('M7 a worker gives the descriptor of the memory back', async () => {
  const { master, pids } = await startReadyFleet({ options: { workers: 1 } });
  const shared = [...openFds(pids[0] as number)].filter((file) => String(file).includes('prefork-scoreboard'));
  expect(shared).toEqual([]);
  master.kill('SIGTERM');
  await master.gone();
});
