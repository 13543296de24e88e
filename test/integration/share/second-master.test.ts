import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { freePort } from '../../helpers/free-port.js';
import {
  connectRaw,
  eachOn,
  eventually,
  httpGet,
  type Master,
  patience,
  sendSignal,
  startFleet,
  startReadyFleet,
} from '../../helpers/index.js';
import { eachSharing } from '../../helpers/sharing.js';

const SHARING = ['shared', 'sharded', 'reuseport'] as const;

/** Proves that a master could not listen, and failed with that one error before it spawned a worker. */
async function expectRefused(master: Master, port: number): Promise<void> {
  expect(await master.gone()).toEqual({ code: 1, signal: null });
  expect((await master.event('settled')).error).toMatchObject({
    code: 'EADDRINUSE',
    syscall: expect.stringMatching(/^(bind|listen)$/),
    address: '127.0.0.1',
    port,
  });
  expect(master.events('on spawn')).toEqual([]);
}

eachOn(
  SHARING.flatMap((first) => SHARING.map((second) => ({ first, second }))),
  ({ first, second }) => (first === 'shared' && second === 'shared' ? [] : ['sharding']),
)(
  'W15 a second master on the address of a first one is refused (first $first, second $second)',
  async ({ first, second }) => {
    const { port } = await startReadyFleet({ options: { sharing: first } });
    await expectRefused(startFleet({ options: { sharing: second, listen: `127.0.0.1:${port}` } }), port);
    expect((await httpGet({ port })).status).toBe(200);
  },
);

eachSharing(SHARING)(
  'W15 a second master is refused while no worker of the first one is alive (%s)',
  async (sharing) => {
    const { master, pids, port } = await startReadyFleet({ options: { sharing, recoverInterval: 60_000 } });
    for (const pid of pids) sendSignal(pid, 'SIGKILL');
    await master.event('onChildExit', { nth: pids.length });
    await master.expectNoWorkers();
    await expectRefused(startFleet({ options: { sharing, listen: `127.0.0.1:${port}` } }), port);
  },
);

eachSharing(SHARING)('W15 a second master is refused while the workers of the first one boot (%s)', async (sharing) => {
  const listen = `127.0.0.1:${await freePort()}`;
  const first = startFleet({ boot: 'never settle', options: { sharing, listen } });
  await first.event('on spawn');
  await expectRefused(startFleet({ options: { sharing, listen } }), Number(listen.split(':')[1]));
});

eachSharing(SHARING)(
  'W15 of masters that start at the same instant exactly one gets the address, 5 times (%s)',
  async (sharing) => {
    for (let round = 0; round < 5; round++) {
      const port = await freePort();
      const rivals = Array.from({ length: 3 }, () =>
        startFleet({ options: { workers: 1, sharing, listen: `127.0.0.1:${port}` } }),
      );
      const outcomes = await Promise.all(
        rivals.map((master) =>
          Promise.race([
            master.event('onMasterReady').then(() => 'ready'),
            master.event('settled', { where: (event) => !event['child'] }).then(({ error }) => error.code as string),
          ]),
        ),
      );
      expect(outcomes.toSorted()).toEqual(['EADDRINUSE', 'EADDRINUSE', 'ready']);
      const winner = rivals[outcomes.indexOf('ready')] as Master;
      expect(winner.workers()).toContain((await httpGet({ port })).json().pid);
      await Promise.all(rivals.map((master) => master.dispose()));
    }
  },
  patience(120_000),
);

/** The side that closes a connection first is the one that waits in TIME_WAIT. */
async function letServerClose(port: number): Promise<void> {
  const connection = await connectRaw({ port });
  connection.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  await connection.ended();
}

/** Connections of 127.0.0.1:port in TIME_WAIT, from proc_pid_net(5): state 06. */
function timeWaits(port: number): number {
  const end = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n');
  return lines.filter((line) => {
    const [, local, , state] = line.trim().split(/\s+/);
    return local === end && state === '06';
  }).length;
}

eachSharing(SHARING)(
  'W15 a restart right after a stop with hundreds of TIME_WAIT connections succeeds (%s)',
  async (sharing) => {
    const listen = `127.0.0.1:${await freePort()}`;
    const { master, port } = await startReadyFleet({ options: { sharing, listen } });
    for (let batch = 0; batch < 6; batch++) {
      await Promise.all(Array.from({ length: 50 }, () => letServerClose(port)));
    }
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
    await eventually(() => timeWaits(port) >= 200, { what: 'the server side of the connections is in TIME_WAIT' });
    const again = await startReadyFleet({ options: { sharing, listen } });
    expect(again.port).toBe(port);
    expect((await httpGet({ port })).status).toBe(200);
  },
);

eachSharing(SHARING)('W15 a restart right after the master was killed succeeds (%s)', async (sharing) => {
  const listen = `127.0.0.1:${await freePort()}`;
  const { master, port } = await startReadyFleet({ options: { sharing, listen } });
  master.kill('SIGKILL');
  await master.gone();
  await startReadyFleet({ options: { sharing, listen } });
  expect((await httpGet({ port })).status).toBe(200);
});
