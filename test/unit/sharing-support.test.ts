import { expect, test } from 'vitest';
import { Master } from '../../lib/master.js';
import { resolveOptions } from '../../lib/options.js';
import type { Sharing } from '../../lib/types.js';
import { FakeHost } from '../helpers/fake-host.js';

function start(sharing: Sharing, host: FakeHost): { master: Master; started: Promise<unknown> } {
  const options = resolveOptions({ serve: () => {}, listen: '127.0.0.1:0', workers: 1, logger: false }, '0');
  // Not through the options: what a version cannot do anywhere is refused there.
  const settings = { ...options, sharing };
  const ignore = (): void => {};
  const [lives, tells] = [
    { spawn: ignore, ready: ignore, exit: ignore, recover: ignore },
    { message: ignore, stop: ignore },
  ];
  const events = { ...lives, ...tells, reload: ignore };
  const master = new Master(settings, host, events);
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
    const host = new FakeHost({ reuseport: false, sharding: false, reasons });
    host.openError = new Error('opened a listener');
    const { master, started } = start(sharing, host);
    expect(await started).toMatchObject({
      name: 'PreforkError',
      code: 'ERR_PREFORK_REUSEPORT_UNSUPPORTED',
      message: expect.stringMatching(new RegExp(`'${sharing}'.*${reasons.reuseport}.*'shared'`)),
    });
    await expect(master.finished).rejects.toMatchObject({ code: 'ERR_PREFORK_REUSEPORT_UNSUPPORTED' });
    expect(host.spawnAttempts).toBe(0);
    expect(host.pendingTimers).toBe(0);
  },
);

test("C20 sharing 'shared' needs no balancing", async () => {
  const { master, started } = start('shared', new FakeHost({ reuseport: false, sharding: false }));
  expect(await started).toBeUndefined();
  await master.stop();
});
