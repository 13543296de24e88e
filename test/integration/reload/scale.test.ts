import { expect } from 'vitest';
import type { WorkerStatus } from '../../../lib/types.js';
import { eventually, type Master, patience, startReadyFleet } from '../../helpers/index.js';
import { expectNothingLost, type Load, startLoad } from '../../helpers/load.js';
import { eachSharing, LOSSLESS } from '../../helpers/sharing.js';

function startLoads(port: number): { answered(more: number): Promise<unknown>; stop(): Promise<unknown> } {
  const loads: readonly Load[] = [
    startLoad({ port, mode: 'per-request' }),
    startLoad({ port, mode: 'keep-alive', pause: 40 }),
  ];
  return {
    answered: (more) => Promise.all(loads.map((load) => load.answered(more))),
    async stop() {
      for (const load of loads) expectNothingLost(await load.stop());
    },
  };
}

interface Seen {
  readonly slot: number;
  readonly pid: number;
  readonly state: string;
}

async function workersOf(master: Master): Promise<readonly Seen[]> {
  const { workers }: { workers: readonly WorkerStatus[] } = await master.call('status');
  // Memory and CPU time change by the moment.
  return workers.map(({ rss: _rss, cpu: _cpu, ...worker }) => worker);
}

/** Waits until every slot has a worker that serves, and those that were taken away are gone. */
async function untilSlots(master: Master, count: number): Promise<readonly Seen[]> {
  const what = `${count} workers serve, and no others exist`;
  return eventually(
    async () => {
      const workers = await workersOf(master);
      const settled = workers.length === count && workers.every(({ state }) => state === 'ready');
      return settled && workers;
    },
    { within: 30_000, what },
  );
}

eachSharing(LOSSLESS)(
  'L9 scale() up and down loses nothing, and changes no worker that stays (%s)',
  async (sharing) => {
    const { master, port } = await startReadyFleet({ options: { workers: 2, sharing, recoverThreshold: 0 } });
    const load = startLoads(port);
    await load.answered(20);
    let before = await untilSlots(master, 2);
    for (const target of [4, 1, 5, 5, 3, 1, 2]) {
      await master.call('scale', target);
      // Resolved: the workers that were added serve; those that were taken away drain or are gone.
      const serving = (await workersOf(master)).filter(({ state }) => state !== 'draining');
      expect(serving.map(({ slot, state }) => [slot, state])).toEqual(
        Array.from({ length: target }, (_, slot) => [slot, 'ready']),
      );
      await load.answered(20);
      const after = await untilSlots(master, target);
      const kept = Math.min(before.length, after.length);
      expect(after.slice(0, kept)).toEqual(before.slice(0, kept));
      before = after;
    }
    await load.stop();
    expect(await master.call('status')).toMatchObject({ state: 'running', generation: 0, recoveries: 0 });
    const exits = master.events('onChildExit').map(({ exit }) => exit);
    expect(exits).toEqual(exits.map(() => ({ code: 0, signal: null, requested: true })));
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
  },
  patience(120_000),
);

eachSharing(LOSSLESS, 'signals')(
  'L9 SIGTTIN adds a worker and SIGTTOU takes one away, never the last, and nothing is lost (%s)',
  async (sharing) => {
    const { master, port } = await startReadyFleet({ options: { workers: 2, sharing, recoverThreshold: 0 } });
    const load = startLoads(port);
    await load.answered(20);
    for (const [signal, count] of [
      ['SIGTTIN', 3],
      ['SIGTTIN', 4],
      ['SIGTTOU', 3],
      ['SIGTTOU', 2],
      ['SIGTTOU', 1],
      ['SIGTTOU', 1],
      ['SIGTTIN', 2],
    ] as const) {
      const calls = master.stderr.split(`${signal}: one worker`).length;
      master.kill(signal);
      await eventually(() => master.stderr.split(`${signal}: one worker`).length > calls, {
        what: `${signal} is handled`,
      });
      await untilSlots(master, count);
      await load.answered(20);
    }
    await load.stop();
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
  },
  patience(120_000),
);

eachSharing(LOSSLESS)(
  'L9 connections that wait while their slot is taken away are answered by those that stay (%s)',
  async (sharing) => {
    const { master, port } = await startReadyFleet({ options: { workers: 4, sharing } });
    const load = startLoad({ port, mode: 'per-request', concurrency: 64, pause: 20 });
    await load.answered(200);
    for (const target of [1, 4, 1]) {
      await master.call('scale', target);
      await load.answered(200);
    }
    expectNothingLost(await load.stop());
  },
);
