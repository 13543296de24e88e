import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';
import { freePort } from '../../helpers/free-port.js';
import { connectRaw, httpGet, sendSignal, startMaster, untilDead } from '../../helpers/index.js';
import { expectNothingLost, startLoad } from '../../helpers/load.js';
import { asManaged, type Managed, managed, startManaged, withManager } from '../../helpers/service-manager.js';
import { testWhen } from '../../helpers/skip.js';

const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'));
const withIpv6 = hasIpv6 ? withManager : testWhen(false, 'needs IPv6');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'prefork-kept-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** A fleet whose options can change from one start to the next. */
function startFromFile(first: object): Managed & { write(options: object): void } {
  const file = join(folder, 'options.json');
  const wrapper = ['/bin/sh', '-c', 'file="$1"; shift; exec "$@" "$(cat "$file")"', 'sh', file];
  const write = (options: object): void => writeFileSync(file, JSON.stringify({ options }));
  write(first);
  return { ...asManaged(startMaster('fleet', { wrapper: managed({ restart: true, wrapper }) })), write };
}

async function stops({ manager }: Managed): Promise<void> {
  manager.kill('SIGTERM');
  expect(await manager.gone()).toEqual({ code: 0, signal: null });
}

withManager('S2a the service manager keeps every listener from before the first worker until the stop', async () => {
  const path = join(folder, 'app.sock');
  const fleet = startManaged({
    options: { workers: 1, listen: [{ port: 0, host: '127.0.0.1', name: 'web' }, { path }] },
  });
  const { manager, notice, notices } = fleet;
  await notice('READY=1');
  const { dev, ino } = statSync(path);
  const stored = notices().filter(({ fields }) => 'FDSTORE' in fields);
  expect(stored.map(({ fields, descriptors }) => [fields['FDNAME'], descriptors])).toEqual([
    ['prefork.0.web', 1],
    [`prefork.0.1.${dev}-${ino}`, 1],
  ]);
  // In the order of the master, which asks for more time once it has started workers.
  const moved = notices().findIndex(({ fields }) => Object.keys(fields).join() === 'EXTEND_TIMEOUT_USEC');
  expect(moved).toBeGreaterThan(notices().indexOf(stored[1] as (typeof stored)[number]));
  const [{ addresses }] = manager.events('onMasterReady') as unknown as [{ addresses: [{ port: number }] }];
  await stops(fleet);
  expect(manager.events('ended')).toMatchObject([{ killed: false, kept: [] }]);
  await expect(connectRaw({ port: addresses[0].port })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  expect(manager.stderr).not.toContain('WARN');
});

for (const [what, listen] of [
  ['TCP', () => ({ port: 0, host: '127.0.0.1' })],
  ['a unix socket', () => ({ path: join(folder, 'app.sock') })],
] as const) {
  withManager(
    `S2b kill -9 of the master under load on ${what} loses nothing: the next one goes on with the same queue`,
    async () => {
      const address = listen();
      const fleet = startManaged({ options: { workers: 2, listen: address } }, { restart: true });
      const { manager, pid, notice } = fleet;
      await notice('READY=1');
      const first = await manager.event('onMasterReady');
      const where = 'path' in address ? { path: address.path } : { port: first['addresses'][0].port as number };
      const load = startLoad({ ...where, mode: 'per-request', concurrency: 8, patience: 20_000 });
      for (let round = 1; round <= 2; round++) {
        await load.answered(100);
        const old = pid();
        sendSignal(old, 'SIGKILL');
        await untilDead(old);
        await notice('READY=1', round + 1);
        expect(manager.events('onMasterReady')[round]?.['addresses'][0]).toMatchObject(
          'path' in where ? { address: where.path } : where,
        );
      }
      await load.answered(100);
      expectNothingLost(await load.stop());
      expect(manager.stderr).toContain('going on with the socket that the service manager has kept');
      await stops(fleet);
      expect(manager.events('ended').at(-1)).toMatchObject({ killed: false, kept: [] });
    },
  );
}

withManager(
  'S2b clients that wait while there is neither a master nor a worker are answered by the next ones',
  async () => {
    const fleet = startManaged({ options: { workers: 1 } }, { restart: true });
    const { manager, pid, notice } = fleet;
    await notice('READY=1');
    const { pids, addresses } = manager.events('onMasterReady')[0] as unknown as {
      pids: [number];
      addresses: [{ port: number }];
    };
    const [{ port }] = addresses;
    // No process accepts: the worker stands still, and is killed with its master.
    sendSignal(pids[0], 'SIGSTOP');
    const clients = await Promise.all(Array.from({ length: 20 }, () => connectRaw({ port })));
    for (const client of clients) client.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    sendSignal(pids[0], 'SIGKILL');
    sendSignal(pid(), 'SIGKILL');
    for (const client of clients) expect(await client.until('"pid":', 20_000)).toContain('200 OK');
    await stops(fleet);
  },
);

withManager(
  'S2b a manager that sends SIGTERM to the workers of a killed master, and waits for them, loses no request either',
  async () => {
    const fleet = startManaged({ options: { workers: 2 } }, { restart: true, group: true });
    const { manager, pid, notice } = fleet;
    await notice('READY=1');
    const [{ addresses }] = manager.events('onMasterReady') as unknown as [{ addresses: [{ port: number }] }];
    const [{ port }] = addresses;
    const load = startLoad({ port, mode: 'per-request', concurrency: 8, patience: 20_000 });
    for (let start = 2; start <= 3; start++) {
      await load.answered(100);
      const slow = httpGet({ port, path: '/slow?ms=500' });
      await manager.event('request', { nth: start - 1 });
      sendSignal(pid(), 'SIGKILL');
      expect((await slow).status).toBe(200);
      await notice('READY=1', start);
    }
    await load.answered(100);
    expectNothingLost(await load.stop());
    expect(manager.events('group').map(({ pids }) => pids.length)).toEqual([2, 2]);
    await stops(fleet);
  },
);

withManager(
  'S2c a next master that listens elsewhere takes none of what was kept, and its old port is free',
  async () => {
    const [one, other] = [await freePort(), await freePort()];
    const fleet = startFromFile({ workers: 1, listen: { port: one, host: '127.0.0.1' } });
    const { manager, pid, notice, write } = fleet;
    await notice('STATUS');
    write({ workers: 1, listen: { port: other, host: '127.0.0.1' } });
    await notice('READY=1');
    sendSignal(pid(), 'SIGKILL');
    await notice('READY=1', 2);
    const used = manager.events('onMasterReady').map(({ addresses }) => addresses[0].port);
    expect(used.at(-1)).toBe(other);
    await expect(connectRaw({ port: one })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    // The same port on more addresses: what was kept would be in the way.
    write({ workers: 1, listen: { port: other, host: '0.0.0.0' } });
    sendSignal(pid(), 'SIGKILL');
    await notice('READY=1', 3);
    expect((await httpGet({ port: other })).status).toBe(200);
    expect(manager.events('onMasterReady').at(-1)?.['addresses'][0].address).toBe('0.0.0.0');
    await stops(fleet);
    expect(manager.events('ended').at(-1)).toMatchObject({ kept: [] });
  },
);

for (const sharing of ['shared', 'sharded'] as const) {
  withIpv6(
    `S2c a next master that takes clients of IPv6 alone binds anew, and the other way round (${sharing})`,
    async () => {
      const port = await freePort();
      const options = (ipv6Only: boolean) => ({ workers: 1, sharing, listen: { port, host: '::', ipv6Only } });
      const fleet = startFromFile(options(true));
      const { manager, pid, notice, write } = fleet;
      const listen = (ipv6Only: boolean) => write(options(ipv6Only));
      const closed = (kind: string) => `what an earlier master had kept is closed: a listening ${kind} socket on [::]:`;
      await notice('STATUS');
      for (const [round, ipv6Only] of [true, false, true].entries()) {
        if (round > 0) {
          listen(ipv6Only);
          sendSignal(pid(), 'SIGKILL');
        }
        await notice('READY=1', round + 1);
        expect((await httpGet({ port, host: '::1' })).status).toBe(200);
        if (ipv6Only) await expect(connectRaw({ port })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
        else expect((await httpGet({ port })).status).toBe(200);
      }
      expect(manager.stderr.split(closed('IPv6-only'))).toHaveLength(2);
      expect(manager.stderr.split(closed('IPv6'))).toHaveLength(2);
      expect(manager.stderr).not.toContain('going on with');
      await stops(fleet);
      expect(manager.events('ended').at(-1)).toMatchObject({ kept: [] });
    },
  );
}

withManager(
  'S2d the service manager keeps the socket that a reload has bound again in the place of one that lost its file',
  async () => {
    const path = join(folder, 'app.sock');
    const fleet = startManaged({ options: { workers: 1, readyFor: 0, listen: { path } } }, { restart: true });
    const { manager, pid, notice } = fleet;
    await notice('READY=1');
    rmSync(path);
    expect(await manager.call('reload')).toMatchObject({ ok: true });
    await notice('FDSTOREREMOVE=1');
    const { dev, ino } = statSync(path);
    const old = pid();
    sendSignal(old, 'SIGKILL');
    await untilDead(old);
    await notice('READY=1', 3);
    expect(manager.events('ended')).toMatchObject([{ kept: [`prefork.0.0.${dev}-${ino}`] }]);
    expect((await httpGet({ socketPath: path })).status).toBe(200);
    expect(statSync(path).ino).toBe(ino);
    await stops(fleet);
  },
);
