/** `sharing: 'sharded'` under a service manager: it keeps the socket of every slot, and the next master goes on with all of their queues. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';
import { startCommand } from '../../helpers/command.js';
import { connectRaw, httpGet, sendSignal, startMaster, untilDead } from '../../helpers/index.js';
import { expectNothingLost, startLoad } from '../../helpers/load.js';
import {
  asManaged,
  killMaster,
  type Managed,
  managed,
  startManaged,
  withManager,
} from '../../helpers/service-manager.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'prefork-shards-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** A fleet whose number of workers can change from one start to the next. */
function startSharded(workers: number): Managed & { write(workers: number): void } {
  const file = join(folder, 'options.json');
  const wrapper = ['/bin/sh', '-c', 'file="$1"; shift; exec "$@" "$(cat "$file")"', 'sh', file];
  const write = (count: number): void =>
    writeFileSync(file, JSON.stringify({ options: { workers: count, sharing: 'sharded', readyFor: 0 } }));
  write(workers);
  return { ...asManaged(startMaster('fleet', { wrapper: managed({ restart: true, wrapper }) })), write };
}

async function serving({ manager, notice }: Managed, start: number): Promise<{ port: number; pids: number[] }> {
  await notice('READY=1', start);
  const { addresses, pids } = manager.events('onMasterReady')[start - 1] as unknown as {
    addresses: [{ port: number }];
    pids: number[];
  };
  return { port: addresses[0].port, pids };
}

async function stops({ manager }: Managed): Promise<void> {
  manager.kill('SIGTERM');
  expect(await manager.gone()).toEqual({ code: 0, signal: null });
  expect(manager.events('ended').at(-1)).toMatchObject({ killed: false, kept: [] });
}

/**
 * The pids that have answered so many requests, one after the other; five times as many, at the most, until so many workers have: one of
 * them may get no CPU for a while.
 */
async function answering(port: number, requests: number, workers: number): Promise<Set<number>> {
  const pids = new Set<number>();
  for (let i = 0; i < requests || (pids.size < workers && i < 5 * requests); i++) {
    pids.add((await httpGet({ port, within: 10_000 })).json().pid);
  }
  return pids;
}

withManager(
  'S2f kill -9 of the master under load on sharded sockets loses nothing, and every new worker has its share',
  async () => {
    const fleet = startSharded(3);
    const { port } = await serving(fleet, 1);
    const load = startLoad({ port, mode: 'per-request', concurrency: 8, patience: 20_000 });
    for (let start = 2; start <= 3; start++) {
      await load.answered(100);
      await killMaster(fleet);
      expect((await serving(fleet, start)).port).toBe(port);
    }
    await load.answered(100);
    expectNothingLost(await load.stop());
    const { manager } = fleet;
    expect(await answering(port, 60, 3)).toEqual(new Set((await serving(fleet, 3)).pids));
    expect(manager.events('ended').at(-1)?.['kept']).toEqual([0, 1, 2].map((slot) => `prefork.0.0.${slot}`));
    expect(manager.stderr).toContain('going on with the 3 sockets that the service manager has kept');
    expect(manager.stderr).not.toMatch(/WARN|ERROR/);
    await stops(fleet);
    await expect(connectRaw({ port })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  },
);

for (const [what, workers] of [
  ['fewer', 1],
  ['more', 5],
] as const) {
  withManager(
    `S2f clients that wait at the sockets of all slots are answered by a next master with ${what} workers`,
    async () => {
      const fleet = startSharded(3);
      const { port, pids } = await serving(fleet, 1);
      fleet.write(workers);
      for (const pid of pids) sendSignal(pid, 'SIGSTOP');
      const clients = await Promise.all(Array.from({ length: 30 }, () => connectRaw({ port })));
      for (const client of clients) client.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      await killMaster(fleet);
      for (const pid of pids) sendSignal(pid, 'SIGKILL');
      for (const client of clients) expect(await client.until('"pid":', 20_000)).toContain('200 OK');
      const next = await serving(fleet, 2);
      expect(await answering(port, 80, workers)).toEqual(new Set(next.pids));
      expect(await killMaster(fleet)).toHaveLength(Math.max(3, workers));
      await serving(fleet, 3);
      await stops(fleet);
    },
  );
}

withManager(
  'S2f a next master that gets only some of the sockets goes on with those, and opens the others',
  async () => {
    const options = { workers: 3, sharing: 'sharded', readyFor: 0 } as const;
    const fleet = startManaged({ options }, { restart: true, stores: 2 });
    const { port, pids } = await serving(fleet, 1);
    await killMaster(fleet);
    for (const pid of pids) await untilDead(pid);
    const next = await serving(fleet, 2);
    expect(next.port).toBe(port);
    expect(await answering(port, 60, 3)).toEqual(new Set(next.pids));
    expect(fleet.manager.stderr).toContain('going on with the 2 sockets that the service manager has kept');
    await stops(fleet);
  },
);

withManager('S2f a slot that is added is kept, too', async () => {
  const fleet = startSharded(2);
  const { manager, notice } = fleet;
  const { port } = await serving(fleet, 1);
  await manager.call('scale', 3);
  await notice('FDSTORE=1', 3);
  const load = startLoad({ port, mode: 'per-request', patience: 20_000 });
  await load.answered(50);
  await killMaster(fleet);
  await serving(fleet, 2);
  await load.answered(50);
  expectNothingLost(await load.stop());
  expect(manager.events('ended').at(-1)?.['kept']).toHaveLength(3);
  await stops(fleet);
});

withManager(
  'S2f the sharded sockets of a program that the command runs are kept, and given back by a reload that uses them no more',
  async () => {
    const file = join(folder, 'program.json');
    const write = (...listens: object[]): void => writeFileSync(file, JSON.stringify({ keeps: true, listens }));
    const [one, other] = [
      { port: 0, host: '127.0.0.1' },
      { port: 0, host: '127.0.0.2' },
    ];
    write(one, other);
    const fleet = asManaged(
      startCommand({
        options: ['--workers', '2', '--sharing', 'sharded', '--ready-for', '0'],
        args: [`@${file}`],
        wrapper: managed({ restart: true }),
      }),
    );
    const { manager, notice } = fleet;
    await notice('READY=1');
    const where = ({ address }: { readonly [key: string]: { readonly address: string } }): boolean =>
      address?.address === one.host;
    const { address } = await manager.event('listening', { where: where as never });
    const load = startLoad({ port: address.port, mode: 'per-request', patience: 20_000 });
    await load.answered(50);
    await killMaster(fleet);
    await notice('READY=1', 2);
    await load.answered(50);
    expect(manager.events('ended').at(-1)?.['kept']).toHaveLength(4);
    write(one);
    manager.kill('SIGHUP');
    await notice('FDSTOREREMOVE=1', 2);
    await load.answered(50);
    await killMaster(fleet);
    await notice('READY=1', 4);
    await load.answered(50);
    expectNothingLost(await load.stop());
    expect(manager.events('ended').at(-1)?.['kept']).toHaveLength(2);
    await stops(fleet);
  },
);
