/** Whether the service manager stores descriptors decides what workers do with their sockets when the master is killed. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';
import { commandWorks, isRoot, sendSignal, untilDead } from '../../helpers/index.js';
import { expectNothingLost, startLoad } from '../../helpers/load.js';
import { type Managed, startManaged, withManager } from '../../helpers/service-manager.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'prefork-storage-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

// Without CAP_NET_ADMIN newer kernels attach no filter to a TCP socket.
const dropping = ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin'] as const;
const users = [
  { as: 'root', wrapper: [] },
  ...(isRoot && commandWorks(...dropping, 'true') ? [{ as: 'a user without privileges', wrapper: dropping }] : []),
];

function stored({ notices }: Managed): number {
  return notices().filter(({ fields }) => 'FDSTORE' in fields).length;
}

const TCP = { port: 0, host: '127.0.0.1' };
for (const [what, listen, sharing] of [
  ['a socket of all workers', () => TCP, 'shared'],
  ['a unix socket', () => ({ path: join(folder, 'app.sock') }), 'shared'],
  ['a socket for each slot', () => TCP, 'sharded'],
] as const) {
  for (const { as, wrapper } of users) {
    withManager(
      `S2g a manager that stores nothing is sent nothing, and when the master is killed no client that has connected is reset: ${what}, as ${as}`,
      async () => {
        const address = listen();
        const options = { workers: 3, listen: address, sharing };
        const start = async () => {
          const started = startManaged({ options }, { stores: 0, wrapper });
          await started.notice('READY=1');
          return started;
        };
        let fleet = await start();
        // A manager that gets no CPU for half a second is taken for one that stores.
        for (let left = 2; left > 0 && stored(fleet) > 0; left--) {
          fleet.manager.kill('SIGTERM');
          await fleet.manager.gone();
          fleet = await start();
        }
        const { manager, pid } = fleet;
        expect(stored(fleet)).toBe(0);
        const [first] = manager.events('onMasterReady') as unknown as [
          { addresses: [{ port: number }]; pids: number[] },
        ];
        const where = 'path' in address ? { path: address.path } : { port: first.addresses[0].port };
        const load = startLoad({ ...where, mode: 'per-request', concurrency: 32, pause: 0, patience: 20_000 });
        await load.answered(300);
        sendSignal(pid(), 'SIGKILL');
        await Promise.all(first.pids.map((worker) => untilDead(worker)));
        const { reset, other, failures } = await load.stop();
        expect({ reset, other }, failures.join('\n')).toEqual({ reset: 0, other: 0 });
      },
    );
  }
}

withManager(
  'S2g a manager that says how much it stores is believed, and kill -9 of the master loses nothing',
  async () => {
    const fleet = startManaged({ options: { workers: 2, listen: TCP } }, { restart: true, stores: 1, says: true });
    const { manager, pid, notice } = fleet;
    await notice('READY=1');
    const [{ addresses }] = manager.events('onMasterReady') as unknown as [{ addresses: [{ port: number }] }];
    const load = startLoad({ port: addresses[0].port, mode: 'per-request', patience: 20_000 });
    for (let start = 2; start <= 3; start++) {
      await load.answered(50);
      sendSignal(pid(), 'SIGKILL');
      await notice('READY=1', start);
    }
    await load.answered(50);
    expectNothingLost(await load.stop());
    expect(stored(fleet)).toBe(1);
    expect(manager.stderr).not.toContain('WARN');
  },
);

withManager(
  'S2g a manager that stores fewer sockets than the fleet has is named in the log, once, with the way out',
  async () => {
    const fleet = startManaged({ options: { workers: 3, listen: TCP, sharing: 'sharded' } }, { stores: 1, says: true });
    const { manager, notice } = fleet;
    await notice('READY=1');
    expect(
      manager.stderr.match(/keeps no more than 1 sockets .* raise FileDescriptorStoreMax= of the service/g),
    ).toHaveLength(1);
  },
);
