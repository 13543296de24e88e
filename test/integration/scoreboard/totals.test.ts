import { expect } from 'vitest';
import type { FleetReading, Status } from '../../../lib/types.js';
import { eventually, type Master, sendSignal, startReadyFleet, testOn } from '../../helpers/index.js';
import { startLoad } from '../../helpers/load.js';

const KILLS = 50;
const RELOADS = 20;
/** Milliseconds. The load must not end before the test. */
const LIMIT = 240_000;

/** Reads all the time, and remembers what was less than before. */
function watchTotals(master: Master): { over(): Promise<readonly string[]> } {
  const wrong: string[] = [];
  let on = true;
  let before: Record<string, number> = {};
  const reading = (async () => {
    while (on) {
      const now = flat(await master.call('metrics'));
      for (const [name, value] of Object.entries(before))
        if (!((now[name] as number) >= value)) wrong.push(`${name}: ${value}, then ${now[name]}`);
      before = now;
    }
  })();
  return {
    async over() {
      on = false;
      await reading;
      return wrong;
    },
  };
}

function flat({ totals: { accepted, requests, starts, exits, reloads } }: FleetReading): Record<string, number> {
  return { accepted, requests, starts, ...exits, ...reloads };
}

testOn('sharedMemory')(
  `M1 totals never go down, and have every answered request, over ${KILLS} kills, ${RELOADS} reloads and a scale`,
  async () => {
    const { master, port } = await startReadyFleet({
      options: { workers: 3, recoverThreshold: Number.POSITIVE_INFINITY, recoverInterval: 0, readyFor: 0 },
    });
    const load = startLoad({ port, mode: 'per-request', concurrency: 4, pause: 20, duration: LIMIT });
    const totals = watchTotals(master);
    for (let i = 0; i < KILLS; i++) {
      const recovered = master.next('onChildRecover');
      // Not one that drains: its end is no loss, and no worker follows it.
      const { workers }: Status = await master.call('status');
      const serving = workers.filter(({ state }) => state === 'ready');
      sendSignal(serving[i % serving.length]?.pid as number, 'SIGKILL');
      await recovered;
      if (i === KILLS / 2) await master.call('scale', 5);
      if (i === KILLS / 2 + 5) await master.call('scale', 2);
    }
    for (let i = 0; i < RELOADS; i++) expect(await master.call('reload')).toMatchObject({ ok: true });
    await load.answered(20);
    const { answered, asked, opened } = await load.stop();
    expect(await totals.over()).toEqual([]);
    const { totals: last } = (await eventually(async () => {
      const reading: FleetReading = await master.call('metrics');
      return reading.workers.every(({ state }) => state === 'ready') && reading;
    })) as FleetReading;
    expect(last.requests).toBeGreaterThanOrEqual(answered);
    expect(last.requests).toBeLessThanOrEqual(asked);
    expect(last.accepted).toBeGreaterThanOrEqual(answered);
    expect(last.accepted).toBeLessThanOrEqual(opened);
    expect(last.reloads).toEqual({ ok: RELOADS, failed: 0 });
    expect(last.exits.signal).toBe(KILLS);
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
  },
  LIMIT,
);
