import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { exits, recovered, startBlocking, stops } from '../../helpers/blocking-fleet.js';
import { attachDebugger } from '../../helpers/debugger.js';
import { eventually, isAlive, type Master, patience, sendSignal } from '../../helpers/index.js';

/** Milliseconds. Long: a worker that waits for a CPU that another process has must not look blocked. */
const TIMEOUT = 2_000;

// It is blocked for 1.5 s of 2.5: a worker that gets no CPU for another second is one that makes no progress.
test('L10 a worker that is merely busy is left alone', { retry: 2 }, async () => {
  const { master, pids } = await startBlocking(2_500);
  await master.call('sendTo', 0, 'busy', 1_500, 4);
  await master.event('not busy any more', { within: 25_000 });
  expect(exits(master)).toBe(0);
  expect(pids.every(isAlive)).toBe(true);
  expect(master.stderr).not.toContain('no progress');
  await stops(master);
});

test(
  'L10 a worker that is stopped in a debugger is left alone as long as that is connected',
  async () => {
    const { master, pids } = await startBlocking(TIMEOUT);
    const [pid] = pids as [number];
    sendSignal(pid, 'SIGUSR1');
    const url = await eventually(async () => {
      await master.call('sendTo', 0, 'inspector');
      return master.events('inspector').at(-1)?.['url'] as string | null | undefined;
    });
    const reported = master.events('inspector').length;
    {
      await using client = await attachDebugger(Number(new URL(url).port));
      // Something to execute, and to stop at.
      await master.call('sendTo', 0, 'inspector');
      await client.paused;
      const who = `worker 0 (pid ${pid}, generation 0)`;
      await master.logged(
        `${who}: its event loop made no progress for 2.0 s; a debugger is connected, so it is left alone`,
      );
      await delay(1.5 * TIMEOUT);
    }
    // It runs on, and the watch as well.
    await master.call('sendTo', 0, 'inspector');
    await master.event('inspector', { nth: reported + 2 });
    expect(exits(master)).toBe(0);
    await master.call('sendTo', 0, 'javascript');
    await recovered(master, pid);
    await stops(master);
  },
  patience(120_000),
);

test.each([
  ['the master alone', (master: Master, signal: NodeJS.Signals) => void master.kill(signal)],
  ['the whole fleet', (master: Master, signal: NodeJS.Signals) => master.killGroup(signal)],
])(
  'L10 no worker is killed after %s was stopped for longer than the timeout',
  async (_who, send) => {
    const { master, pids } = await startBlocking(TIMEOUT);
    // At any point of what the watch was about to do.
    for (let i = 0; i < 2; i++) {
      send(master, 'SIGSTOP');
      await delay(1.2 * TIMEOUT);
      send(master, 'SIGCONT');
      await delay(0.4 * TIMEOUT);
    }
    await delay(1.5 * TIMEOUT);
    await master.call('status');
    expect(exits(master)).toBe(0);
    expect(pids.every(isAlive)).toBe(true);
    await stops(master);
  },
  patience(120_000),
);
