// Start, reload and stop.
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { until } from '../../loss/waiting.mjs';
import { examples, fleet, service } from './units.mjs';

const APP = examples('app.service');
const BOOT = '/run/fleet/boot.mjs';
const DOOR = '/run/app-door/prefork.sock';
const changed = (...lines) => ({ 'app.service': service(...lines) });
const NOTIFY_RELOAD = ['Type=notify-reload', 'ExecReload='];

/** Workers of the next generation run this before they serve. */
const inBoot = (code) => writeFileSync(BOOT, code);
const boots = (ms) => `await new Promise((resolve) => setTimeout(resolve, ${ms}));`;

async function timed(promise) {
  const began = performance.now();
  await promise;
  return performance.now() - began;
}

const rounded = (ms) => `${Math.round(ms)} ms`;

export const lives = [
  {
    name: 'start: systemctl returns when every worker serves',
    async run(make) {
      inBoot(boots(1_000));
      const app = make(APP);
      const ms = await timed(app.start());
      await app.ask();
      assert.ok(ms > 1_000);
      const text = await app.is('StatusText');
      assert.equal(text, 'serving on 127.0.0.1:3000: 2 workers ready');
      return `${rounded(ms)}; ${text}`;
    },
  },
  {
    name: 'start: a port that is taken fails the start at once, with its number',
    async run(make) {
      const other = createServer().listen(3000, '127.0.0.1');
      const app = make(APP, changed('Restart=no'));
      const ms = await timed(app.start().catch(() => {}));
      other.close();
      const found = [await app.is('Result'), await app.is('StatusErrno'), await app.is('StatusText')];
      assert.deepEqual(found.slice(0, 2), ['exit-code', '98']);
      assert.ok(ms < 10_000);
      return `${rounded(ms)}; ${found.join(', ')}`;
    },
  },
  {
    name: 'start: workers that boot longer than TimeoutStartSec= are waited for',
    async run(make) {
      inBoot(boots(4_000));
      const ms = await timed(make(APP, changed('TimeoutStartSec=2')).start());
      return `TimeoutStartSec=2, ${rounded(ms)}`;
    },
  },
  ...['Type=notify', 'Type=notify-reload'].flatMap((type) => {
    const reloads = type === 'Type=notify-reload';
    const since = reloads ? 253 : 0;
    const lines = reloads ? NOTIFY_RELOAD : [];
    return [
      {
        name: `${type}: systemctl reload under load`,
        since,
        async run(make) {
          const app = await make(APP, changed(...lines)).start();
          const main = await app.is('MainPID');
          app.load();
          let longest = 0;
          for (let round = 1; round <= 3; round++) {
            await app.answered();
            const before = await app.workers();
            longest = Math.max(longest, await timed(app.ctl('reload')));
            const after = await app.workers();
            if (reloads) {
              assert.equal(
                after.filter((pid) => before.includes(pid)).length,
                0,
                'the old workers are gone at its return',
              );
              assert.equal(await app.is('ActiveState'), 'active');
            }
            await app.replaced(before);
            await app.until('ActiveState', 'active');
          }
          await app.answered();
          assert.equal(await app.is('MainPID'), main);
          assert.equal(await app.is('NRestarts'), '0');
          return `3 reloads: ${await app.unload()}; systemctl took up to ${rounded(longest)}`;
        },
      },
      {
        name: `${type}: a reload that fails leaves the service as it was`,
        since,
        async run(make) {
          const app = await make(APP, changed(...lines)).start();
          const before = await app.workers();
          inBoot("throw new Error('this release does not boot');");
          app.load();
          await app.answered();
          const verdict = await app.ctl('reload').then(
            () => 'systemctl reports success',
            () => 'systemctl reports a failure',
          );
          await until(
            async () => (await app.is('StatusText')).includes('the last reload failed'),
            'StatusText says so',
          );
          assert.equal(await app.is('ActiveState'), 'active');
          assert.deepEqual(await app.workers(), before);
          rmSync(BOOT);
          await app.ctl('reload');
          await until(async () => !(await app.is('StatusText')).includes('failed'), 'the next reload succeeds');
          return `${verdict}; ${await app.unload()}`;
        },
      },
    ];
  }),
  {
    name: 'Type=notify-reload: a reload that takes longer than TimeoutStartSec=',
    since: 253,
    async run(make) {
      const app = await make(APP, changed(...NOTIFY_RELOAD, 'TimeoutStartSec=2')).start();
      inBoot(boots(2_500));
      const ms = await timed(app.ctl('reload'));
      assert.equal(await app.is('ActiveState'), 'active');
      return `TimeoutStartSec=2, ${rounded(ms)}`;
    },
  },
  {
    name: 'stop: a request of 1.5 s is answered',
    async run(make) {
      const app = await make(APP).start();
      const asked = app.ask('/slow?1500');
      await app.ask();
      const ms = await timed(app.ctl('stop'));
      await asked;
      const found = [await app.is('ActiveState'), await app.is('Result'), await app.is('ExecMainStatus')];
      assert.deepEqual(found, ['inactive', 'success', '0']);
      return `${rounded(ms)}; ${found.join(', ')}`;
    },
  },
  {
    name: 'stop: a drain that takes longer than TimeoutStopSec= is waited for',
    async run(make) {
      const app = await make(APP, changed('TimeoutStopSec=2', fleet({ shutdownGracePeriod: 20_000 }))).start();
      const asked = app.ask('/slow?5000');
      await app.ask();
      const ms = await timed(app.ctl('stop'));
      await asked;
      assert.equal(await app.is('Result'), 'success');
      return `TimeoutStopSec=2, ${rounded(ms)}`;
    },
  },
  ...[
    { what: 'KillMode=mixed', lines: ['KillMode=mixed'] },
    {
      what: 'ExecStop= and tail --pid',
      lines: ["ExecStop=/bin/sh -c 'kill $MAINPID; exec tail -s 0.1 --pid=$MAINPID -f /dev/null'"],
    },
    {
      what: 'ExecStop=prefork stop',
      lines: ['RuntimeDirectory=app-door', `ExecStop=/srv/app/node_modules/.bin/prefork stop --admin=${DOOR}`],
      options: { admin: DOOR },
    },
  ].map(({ what, lines, options }) => ({
    name: `stop: drainDelay is served out, with ${what}`,
    async run(make) {
      const app = await make(APP, changed(...lines, fleet({ drainDelay: 2_000, ...options }))).start();
      app.load();
      await app.answered();
      const stopped = app.ctl('stop');
      await until(async () => (await app.is('ActiveState')) === 'deactivating', 'it stops');
      await app.answered(50);
      const text = await app.is('StatusText');
      assert.match(text, /stopping soon/);
      await stopped;
      assert.equal(await app.is('Result'), 'success');
      return `${await app.unload({ refused: true })}; ${text}`;
    },
  })),
  {
    name: 'restart under load: only refused, while there is no listener',
    async run(make) {
      const app = await make(APP).start();
      app.load();
      await app.answered();
      await app.ctl('restart');
      await app.answered();
      assert.equal(await app.is('NFileDescriptorStore'), '1');
      return app.unload({ refused: true });
    },
  },
];
