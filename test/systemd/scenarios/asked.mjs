// The admin socket of a service with a user, a /tmp and a runtime directory of its own.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { examples, fleet, service } from './units.mjs';

const PREFORK = '/srv/app/node_modules/.bin/prefork';
const DOOR = '/run/asked/prefork.sock';
const APP = examples('app.service');
const LINES = [
  'RuntimeDirectory=asked',
  fleet({ admin: DOOR }),
  'ExecReload=',
  `ExecReload=${PREFORK} reload --admin=${DOOR}`,
];

const prefork = (...args) => promisify(execFile)(PREFORK, args).then(({ stdout }) => stdout);

export const asked = [
  {
    name: 'ExecReload=prefork reload: systemctl has the verdict; root asks the door of another user',
    async run(make) {
      const app = await make(APP, { 'app.service': service(...LINES) }).start();
      app.load();
      await app.answered();
      await app.ctl('reload');
      writeFileSync('/run/fleet/boot.mjs', "throw new Error('this release does not boot');");
      const before = await app.workers();
      await assert.rejects(app.ctl('reload'), /Job for app.service failed/);
      assert.deepEqual(await app.workers(), before);
      assert.equal(await app.is('ActiveState'), 'active');
      assert.match(await app.journal(), /this release does not boot/);
      assert.match(await prefork('status', `--admin=${DOOR}`), /running, generation 1/);
      return app.unload();
    },
  },
  {
    name: 'admin: true, DynamicUser=: the /tmp of the service is its own, and its door is not found from outside',
    async run(make) {
      await make(APP, { 'app.service': service(fleet({ admin: true })) }).start();
      await assert.rejects(prefork('status'), /there is no fleet with an admin door/);
      return 'prefork status says how to name it';
    },
  },
];
