// kill -9 of the master, and of everything, with FileDescriptorStoreMax=.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { systemctl } from '../units.mjs';
import { examples, fleet, service } from './units.mjs';

const APP = examples('app.service');
const COMMAND = 'ExecStart=\nExecStart=/usr/bin/node /srv/app/node_modules/.bin/prefork --workers 2 /srv/app/app.mjs';
const UNIX = { listen: { path: '/run/unix-app/app.sock' } };
const FLEETS = [
  { what: "'shared'", lines: [], kept: 1 },
  { what: "'sharded'", lines: [fleet({ sharing: 'sharded', workers: 3 })], kept: 3 },
  {
    what: 'a unix socket',
    lines: [fleet(UNIX), 'RuntimeDirectory=unix-app', 'RuntimeDirectoryPreserve=restart'],
    kept: 1,
    target: { socketPath: '/run/unix-app/app.sock' },
  },
  { what: 'prefork app.js', lines: [COMMAND], kept: 1 },
  {
    what: 'prefork --sharing sharded app.js',
    lines: [COMMAND.replace('--workers', '--sharing sharded --workers')],
    kept: 2,
  },
];
const ROUNDS = 3;
const limits = ['StartLimitIntervalSec=0'];
const dropOf = (lines) => ({ 'app.service': `[Unit]\n${limits.join('\n')}\n${service(...lines)}` });

export const killed = [
  ...FLEETS.map(({ what, lines, kept, target }) => ({
    name: `kill -9 of the master under load: ${what}`,
    async run(make) {
      const app = await make(APP, dropOf(lines), target).start();
      await app.until('NFileDescriptorStore', kept);
      app.load();
      let longest = 0;
      for (let round = 1; round <= ROUNDS; round++) {
        await app.answered();
        const began = performance.now();
        await app.kill();
        longest = Math.max(longest, performance.now() - began);
        await app.until('NFileDescriptorStore', kept);
      }
      await app.answered();
      assert.equal(await app.is('NRestarts'), String(ROUNDS));
      const words = `${ROUNDS} kills: ${await app.unload()}; ready again within ${Math.round(longest)} ms`;
      await app.ctl('stop');
      assert.equal(await app.is('NFileDescriptorStore'), '0');
      assert.equal(await app.is('Result'), 'success');
      return words;
    },
  })),
  {
    name: 'kill -9 of the master: a request that a worker has accepted is answered',
    async run(make) {
      const app = await make(APP, dropOf([])).start();
      const slow = app.ask('/slow?1500');
      slow.catch(() => {});
      await app.ask();
      await app.kill();
      await slow;
      return 'a request of 1.5 s';
    },
  },
  {
    name: 'kill -9 of every process: clients in the queue are answered by the next fleet',
    async run(make) {
      const app = await make(APP, dropOf([])).start();
      const workers = await app.workers();
      for (const pid of workers) process.kill(pid, 'SIGSTOP');
      const answers = await Promise.all(Array.from({ length: 50 }, queued));
      await app.ctl('kill', '--signal=SIGKILL');
      await Promise.all(answers.map((answer) => answer()));
      return '50 of 50 clients';
    },
  },
  {
    name: 'kill -9 of the master after daemon-reexec and daemon-reload',
    async run(make) {
      const app = await make(APP, dropOf([])).start();
      app.load();
      for (const verb of ['daemon-reexec', 'daemon-reload']) {
        await app.answered();
        await systemctl(verb);
        await app.kill();
      }
      await app.answered();
      return app.unload();
    },
  },
  {
    name: 'kill -9 of the master, FileDescriptorStoreMax=0: no client that has connected is reset',
    async run(make) {
      const app = await make(APP, dropOf(['FileDescriptorStoreMax=0'])).start();
      app.load();
      for (let round = 1; round <= ROUNDS; round++) {
        await app.answered();
        await app.kill();
      }
      await app.answered();
      return `${ROUNDS} kills: ${await app.unload({ refused: true })}`;
    },
  },
  {
    name: 'kill -9 of the master, FileDescriptorStoreMax=1, two sharded slots: the log names it',
    since: 254,
    async run(make) {
      const app = await make(APP, dropOf(['FileDescriptorStoreMax=1', fleet({ sharing: 'sharded' })])).start();
      assert.match(await app.journal(), /raise FileDescriptorStoreMax= of the service/);
      await app.kill();
      await app.ask();
      return 'the next master serves';
    },
  },
  {
    name: 'FileDescriptorStorePreserve=yes: a stop leaves nothing in the store',
    since: 254,
    async run(make) {
      const app = await make(APP, dropOf(['FileDescriptorStorePreserve=yes'])).start();
      await app.ctl('stop');
      assert.equal(await app.is('NFileDescriptorStore'), '0');
      await assert.rejects(app.ask(), { code: 'ECONNREFUSED' });
      return 'clients are refused';
    },
  },
];

/** @returns what waits for the answer of a client that has connected and asked. */
async function queued() {
  const socket = connect(3000, '127.0.0.1');
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  const text = new Promise((resolve, reject) => {
    let got = '';
    socket.setEncoding('utf8').on('data', (part) => {
      got += part;
    });
    socket.once('close', () => (got.includes('200 OK') ? resolve() : reject(new Error(`got ${JSON.stringify(got)}`))));
    socket.once('error', reject);
  });
  return () => text;
}
