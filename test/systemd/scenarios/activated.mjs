// Behind a socket unit.
import assert from 'node:assert/strict';
import { systemctl } from '../units.mjs';
import { examples, fleet, service } from './units.mjs';

const SERVICE = 'app-activated.service';
const SOCKET = 'app-activated.socket';
const UNITS = examples(SERVICE, SOCKET);
const TARGET = { host: '127.0.0.1', port: 80 };
const WEB = fleet({ listen: { name: 'web', host: '0.0.0.0', port: 80 } });
const HOSTED = [
  'ExecStart=',
  'ExecStart=/usr/bin/node /srv/app/node_modules/.bin/prefork --workers 2 /srv/app/app.mjs',
  'Environment=PORT=80 HOST=0.0.0.0',
];

const lives = [
  ['prefork()', [WEB]],
  ['prefork app.js', HOSTED],
].map(([what, lines]) => ({
  name: `socket unit, ${what}: the first client starts it; reload, restart, stop and kill -9 under load`,
  async run(make) {
    const app = make(UNITS, { [SERVICE]: `[Unit]\nStartLimitIntervalSec=0\n${service(...lines)}` }, TARGET);
    await app.start(SOCKET);
    assert.equal(await app.is('ActiveState'), 'inactive');
    await app.ask();
    await app.until('ActiveState', 'active');
    await app.reloadUnderLoad();
    for (const act of [
      () => app.ctl('restart'),
      () => app.kill(),
      () => systemctl('stop', SERVICE),
      () => app.kill(),
    ]) {
      await app.answered();
      await app.until('ActiveState', 'active');
      await act();
    }
    await app.answered();
    return app.unload();
  },
}));

/** What systemd has opened, and what it keeps, come in one list. */
const both = {
  name: 'socket unit, and a listener that the master binds: kill -9 under load',
  async run(make) {
    const listen = [
      { name: 'own', host: '127.0.0.1', port: 3000 },
      { name: 'web', host: '0.0.0.0', port: 80 },
    ];
    const lines = ['FileDescriptorStoreMax=4', fleet({ listen })];
    const app = make(UNITS, { [SERVICE]: service(...lines) });
    await app.start(SOCKET, SERVICE);
    assert.equal(await app.is('NFileDescriptorStore'), '1');
    app.load();
    for (let round = 1; round <= 2; round++) {
      await app.answered();
      await app.kill();
    }
    await app.answered();
    await app.ask('/', TARGET);
    return app.unload();
  },
};

export const activated = [...lives, both];
