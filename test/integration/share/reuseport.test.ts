import { expect } from 'vitest';
import { features } from '../../../lib/index.js';
import { freePort } from '../../helpers/free-port.js';
import { eventually, httpGet, openFds, sendSignal, startReadyFleet, testWhen } from '../../helpers/index.js';

const testHere = testWhen(features.reuseport, `cannot exist on ${process.platform}: the kernel does not balance`);

testHere(
  'C17 reuseport: the address of a worker equals the request, and port 0 is one port for all of them',
  async () => {
    const options = { sharing: 'reuseport', listen: ['127.0.0.1:0', '[::1]:0'], workers: 3 } as const;
    const { master, pids, addresses, port } = await startReadyFleet({ options });
    expect(addresses.map(({ family, address }) => [family, address])).toEqual([
      ['IPv4', '127.0.0.1'],
      ['IPv6', '::1'],
    ]);
    const sockets = new Set<string | undefined>();
    for (const pid of pids) {
      const { listeners } = await master.event('serve', { where: (event) => event['pid'] === pid });
      expect(listeners).toEqual(addresses.map((address) => ({ ...address, fd: expect.any(Number) })));
      for (const { fd } of listeners) sockets.add(openFds(pid).get(fd));
    }
    // A socket of its own for every worker and address.
    expect(sockets.size).toBe(6);
    expect([...openFds(master.pid).values()].filter((target) => sockets.has(target))).toEqual([]);

    const seen = new Set<number>();
    await eventually(
      async () => {
        seen.add((await httpGet({ port })).json().pid);
        return seen.size === 3;
      },
      { what: 'the kernel has chosen every worker' },
    );

    sendSignal(pids[0] as number, 'SIGKILL');
    const { newPid } = await master.event('onChildRecover');
    const { listeners } = await master.event('serve', { where: (event) => event['pid'] === newPid });
    expect(listeners.map(({ port }: { port: number }) => port)).toEqual(addresses.map(({ port }) => port));
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
  },
);

testHere('C17 reuseport: a port that was asked for is the port of every worker', async () => {
  const port = await freePort();
  const { master, pids, addresses } = await startReadyFleet({
    options: { sharing: 'reuseport', listen: `127.0.0.1:${port}` },
  });
  expect(addresses).toMatchObject([{ address: '127.0.0.1', port }]);
  for (const pid of pids) {
    const { listener } = await master.event('serve', { where: (event) => event['pid'] === pid });
    expect(listener).toMatchObject({ address: '127.0.0.1', port });
  }
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
});
