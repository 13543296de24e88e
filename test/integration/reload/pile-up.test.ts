import { expect, onTestFinished } from 'vitest';
import { connectRaw, eachOn, eventually, type RawConnection, startReadyFleet, testOn } from '../../helpers/index.js';
import { stopAtOnce } from '../../helpers/second-signal.js';

const WORKERS = 2;

/** Connections that never end by themselves, at least one in each of the workers that serve: their pids are the keys. */
async function occupied(port: number): Promise<Map<number, RawConnection[]>> {
  const byPid = new Map<number, RawConnection[]>();
  await eventually(
    async () => {
      const connection = await connectRaw({ port });
      onTestFinished(() => connection.close());
      const pid = Number.parseInt(await connection.until('\n'), 10);
      byPid.set(pid, [...(byPid.get(pid) ?? []), connection]);
      return byPid.size === WORKERS;
    },
    { what: 'every worker has a connection' },
  );
  return byPid;
}

eachOn([{ maxDraining: undefined }, { maxDraining: 3 }], () => ['signals'])(
  'N11k, N11l the master warns of reloads in a row with connections that stay, with the number, and bounds them by maxDraining (%o)',
  async ({ maxDraining }) => {
    const options = { workers: WORKERS, drainTimeout: 60_000, sharing: 'sharded', maxDraining } as const;
    const { master, port } = await startReadyFleet({ serve: 'net', options });
    const kept: [pid: number, connections: RawConnection[]][] = [];
    for (let generation = 1; generation <= 3; generation++) {
      kept.push(...(await occupied(port)));
      expect(await master.call('reload')).toMatchObject({ ok: true, generation });
    }
    if (maxDraining === undefined) {
      await master.logged(/6 workers that were replaced drain beside the 2 that serve/);
      expect(master.workers()).toHaveLength(8);
      for (const [, connections] of kept) for (const { socket } of connections) expect(socket.closed).toBe(false);
    } else {
      // The first three are cut; slot by slot, so their order is that of their slots.
      await eventually(() => master.events('onChildExit').length === 3, { what: 'three workers have been cut' });
      const gone = master.events('onChildExit').map(({ worker, exit }) => ({ pid: worker.pid, exit }));
      expect(gone.map(({ exit }) => exit)).toEqual(Array(3).fill({ code: 0, signal: null, requested: true }));
      expect(master.stderr.match(/has drained for \d+ ms and is cut: more than 3 workers drain/g)).toHaveLength(3);
      expect(master.stderr).not.toContain('is killed');
      expect(master.workers()).toHaveLength(WORKERS + maxDraining);
      const cut = new Set(gone.map(({ pid }) => pid));
      for (const [pid, connections] of kept) {
        for (const connection of connections) {
          if (cut.has(pid)) await connection.ended();
          else expect(connection.socket.closed).toBe(false);
        }
      }
    }
    // A client that connects now is served all the same.
    expect((await occupied(port)).size).toBe(WORKERS);
    expect(await master.call('status')).toMatchObject({ recoveries: 0 });
    master.kill('SIGTERM');
    await stopAtOnce(master, 'SIGINT');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
  },
  // A worker that is cut has a second to end: without a CPU for that long it is killed.
  { timeout: 90_000, retry: 2 },
);

testOn('signals')(
  'N11k the master does not warn of drains while old workers leave',
  async () => {
    const { master } = await startReadyFleet({ options: { workers: WORKERS } });
    for (let i = 0; i < 3; i++) expect(await master.call('reload')).toMatchObject({ ok: true });
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
    expect(master.stderr).not.toContain('drain beside');
  },
  120_000,
);
