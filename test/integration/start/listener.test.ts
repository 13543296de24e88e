import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { folderWith } from '../../helpers/folder.js';
import {
  canRefuseSyscalls,
  environmentOf,
  openFds,
  refusing,
  startMaster,
  startReadyFleet,
  target,
  testOn,
  testWhen,
  withDescriptors,
} from '../../helpers/index.js';
import { eachSharing } from '../../helpers/sharing.js';
import { overAndClean, runToEnd, spawned, startWatched } from '../../helpers/whole-run.js';

test("C2 '127.0.0.1:0' is one listener with an address and a port, and one descriptor offered to every worker", async () => {
  const { master, pids, addresses, port } = await startReadyFleet({ options: { listen: '127.0.0.1:0' } });
  expect(addresses).toEqual([{ name: '0', family: 'IPv4', address: '127.0.0.1', port }]);
  expect(port).toBeGreaterThan(0);
  for (const pid of pids) {
    const { listener, listeners } = await master.event('serve', { where: (event) => event['pid'] === pid });
    expect(listeners).toHaveLength(1);
    expect(listeners[0]).toMatchObject(addresses[0] as object);
    expect(listener).toEqual(listeners[0]);
    if (target.lacks.descriptors !== undefined) continue;
    expect(environmentOf(pid).get('LISTEN_FDS')).toBe('1');
    expect(listeners).toEqual([{ ...addresses[0], fd: 3 }]);
    // The very socket of the master, not another one that is bound to the same address.
    const socket = openFds(pid).get(3);
    expect(socket).toMatch(/^socket:\[\d+\]$/);
    expect([...openFds(master.pid).values()].filter((target) => target === socket)).toHaveLength(1);
  }
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
});

eachSharing(['shared', 'reuseport'] as const)(
  'C3 a bind that fails is that system error; nothing is spawned and nothing stays open (%s)',
  async (sharing) => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    try {
      const unix = target.lacks.unixSockets === undefined ? [`unix:${folderWith({})}/left-behind.sock`] : [];
      const listen = ['127.0.0.1:0', ...unix, `127.0.0.1:${port}`];
      const { master, settled, exit } = await runToEnd({ options: { listen, sharing } });
      expect(settled['error']).toMatchObject({ code: 'EADDRINUSE', syscall: 'bind', address: '127.0.0.1', port });
      expect(settled['error'].errno).toBeLessThan(0);
      expect(spawned(master)).toEqual([]);
      expect(exit).toEqual({ code: 1, signal: null });
    } finally {
      holder.close();
      await once(holder, 'close');
    }
  },
);

testWhen(canRefuseSyscalls() && target.lacks.unixSockets === undefined, 'needs python3 and seccomp')(
  'C3 where a file system has no locks the error says so and names the way out, and no file is left',
  async () => {
    const folder = folderWith({});
    const config = { options: { listen: `unix:${folder}/socket` } };
    const { settled } = await overAndClean(startWatched(config, { wrapper: refusing('flock', 'ENOLCK') }));
    const { code, message } = settled['error'];
    expect(code).toBe('ENOLCK');
    expect(message).toContain('this file system has no lock for it: name a path on another one');
    expect(readdirSync(folder)).toEqual([]);
  },
);

testOn('descriptors')(
  'C3 a missing descriptor is EMFILE wherever the master needs it; nothing is left of any attempt',
  async () => {
    const master = startMaster('runs-out-of-descriptors', { wrapper: withDescriptors(64) });
    await master.event('over', { within: 80_000 });
    expect((await master.event('with plenty'))['error']).toBeUndefined();
    const attempts = master.events('attempt');
    for (const { free, error, children, descriptors } of attempts) {
      expect({ free, children, descriptors }).toEqual({ free, children: [], descriptors: [] });
      if (error === undefined) continue;
      const systemError = error.code === 'ERR_PREFORK_BOOT_FAILED' ? error.cause : error;
      expect(systemError, `with ${free} descriptors`).toMatchObject({ code: 'EMFILE', syscall: expect.any(String) });
    }
    // Too few for the listeners: the caller has that very error, and no worker was tried.
    expect(attempts[0]).toMatchObject({ spawned: 0, error: { code: 'EMFILE' } });
    expect(attempts.some(({ error }) => error?.code === 'ERR_PREFORK_BOOT_FAILED')).toBe(true);
    expect(attempts.at(-1)).toMatchObject({ spawned: 1 });
    expect(attempts.at(-1)?.['error']).toBeUndefined();
    expect(await master.gone()).toEqual({ code: 0, signal: null });
  },
  // A worker that gets no CPU may need longer than the master tries.
  { timeout: 90_000, retry: 1 },
);
