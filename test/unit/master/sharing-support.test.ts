import { expect, test } from 'vitest';
import { Master } from '../../../lib/master/master.js';
import { resolveOptions } from '../../../lib/options/resolve.js';
import type { Sharing } from '../../../lib/types.js';
import { FakeSystem } from '../../helpers/fake-system.js';

function start(sharing: Sharing, system: FakeSystem): { master: Master; started: Promise<unknown> } {
  const options = resolveOptions({ serve: () => {}, listen: '127.0.0.1:0', workers: 1, logger: false }, '0');
  // Not through the options: what a version cannot do anywhere is refused there.
  const settings = { ...options, sharing };
  const ignore = (): void => {};
  const [lives, others] = [
    { spawn: ignore, ready: ignore, exit: ignore, recover: ignore },
    { message: ignore, stop: ignore },
  ];
  const events = { ...lives, ...others, reload: ignore };
  const master = new Master(settings, system, events);
  return { master, started: master.start().catch((error: unknown) => error) };
}

test.each(['reuseport', 'sharded'] as const)(
  "C20 sharing '%s' on a kernel that does not balance is an error with the reason, before anything is opened",
  async (sharing) => {
    const reasons = Object.fromEntries(
      ['reuseport', 'sharding'].map((name) => [
        name,
        'SO_REUSEPORT of this kernel gives every connection to one socket',
      ]),
    );
    const system = new FakeSystem({ reuseport: false, sharding: false, reasons });
    system.openError = new Error('opened a listener');
    const { master, started } = start(sharing, system);
    expect(await started).toMatchObject({
      name: 'PreforkError',
      code: 'ERR_PREFORK_REUSEPORT_UNSUPPORTED',
      message: expect.stringMatching(new RegExp(`'${sharing}'.*${reasons.reuseport}.*'shared'`)),
    });
    await expect(master.finished).rejects.toMatchObject({ code: 'ERR_PREFORK_REUSEPORT_UNSUPPORTED' });
    expect(system.spawnAttempts).toBe(0);
    expect(system.pendingTimers).toBe(0);
  },
);

test("C20 sharing 'shared' needs no balancing", async () => {
  const { master, started } = start('shared', new FakeSystem({ reuseport: false, sharding: false }));
  expect(await started).toBeUndefined();
  await master.stop();
});
