// WatchdogSec=, with the quorum of workers.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { examples, fleet, service } from './units.mjs';

const WATCHDOG_MS = 2_000;
const APP = examples('app.service');
const drop = { 'app.service': service(`WatchdogSec=${WATCHDOG_MS}ms`, fleet({ workers: 4 })) };
/** Twice, at least, in which systemd would have missed a notice. */
const LONG_MS = 5 * WATCHDOG_MS;

/** So many workers stand still. */
async function stand(app, count) {
  for (const pid of (await app.workers()).slice(0, count)) process.kill(pid, 'SIGSTOP');
}

async function block(app, count) {
  // One after the other: a worker that is blocked accepts no other one.
  for (let asked = 0; asked < count; asked++) {
    app.ask('/block?60000').catch(() => {});
    await delay(300);
  }
}

export const watched = [
  {
    name: 'watchdog: a service that is well is left alone, also in a reload',
    async run(make) {
      const app = await make(APP, drop).start();
      await delay(LONG_MS / 2);
      await app.ctl('reload');
      await delay(LONG_MS / 2);
      assert.deepEqual([await app.is('NRestarts'), await app.is('ActiveState')], ['0', 'active']);
      return `${LONG_MS} ms at WatchdogSec=2`;
    },
  },
  {
    name: 'watchdog: 2 of 4 workers stand still: no restart',
    async run(make) {
      const app = await make(APP, drop).start();
      await stand(app, 2);
      await delay(LONG_MS);
      assert.deepEqual([await app.is('NRestarts'), await app.is('ActiveState')], ['0', 'active']);
      return `${LONG_MS} ms at WatchdogSec=2`;
    },
  },
  ...[
    ['stand still', stand],
    ['are blocked', block],
  ].map(([what, act]) => ({
    name: `watchdog: 3 of 4 workers ${what}: a restart, with all of them gone`,
    async run(make) {
      const app = await make(APP, drop).start();
      const before = [await app.number('MainPID'), ...(await app.workers())];
      const began = performance.now();
      await act(app, 3);
      await app.until('NRestarts', 1);
      await app.until('ActiveState', 'active');
      const ms = performance.now() - began;
      await app.ask();
      const now = [await app.number('MainPID'), ...(await app.workers())];
      assert.equal(now.filter((pid) => before.includes(pid)).length, 0);
      assert.match(await app.journal(), /Failed with result 'watchdog'/);
      return `serves again ${(ms / 1_000).toFixed(1)} s after, at WatchdogSec=2`;
    },
  })),
];
