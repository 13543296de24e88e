// The units of the pages and of the examples, as they stand there, with the programs of the pages.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../../loss/waiting.mjs';
import { filesOf } from '../../recipes/pages.mjs';

const APP = '/srv/app';

function makeUser() {
  const text = 'u app - "The user of the pages"\n';
  execFileSync('systemd-sysusers', ['-'], { input: text, stdio: 'pipe' });
}

async function live(app, { refused }) {
  await app.reloadUnderLoad();
  await app.answered();
  await app.kill();
  await app.answered();
  await app.ctl('restart');
  await app.answered();
  const words = await app.unload({ refused });
  await app.ctl('stop');
  await app.until('ActiveState', 'inactive');
  assert.equal(await app.is('Result'), 'success');
  return `reload, kill -9 and restart: ${words}`;
}

export const documented = [
  {
    name: 'docs/guide/recipes/systemd.md',
    async run(make) {
      const { 'server.mjs': program, ...units } = Object.fromEntries(filesOf('docs/guide/recipes/systemd.md'));
      makeUser();
      cpSync(join(APP, 'server.mjs'), join(APP, 'server.kept'));
      writeFileSync(join(APP, 'server.mjs'), program);
      try {
        const app = make(units, {}, { host: '127.0.0.1', port: 80 });
        await app.start('app.socket', 'app.service');
        return await live(app, { refused: false });
      } finally {
        cpSync(join(APP, 'server.kept'), join(APP, 'server.mjs'));
      }
    },
  },
  {
    name: 'docs/guide/production.md',
    async run(make) {
      const files = filesOf('docs/guide/production.md');
      makeUser();
      const release = join(APP, 'releases/1');
      mkdirSync(release, { recursive: true });
      writeFileSync(join(release, 'server.mjs'), files.get('server.mjs'));
      rmSync(join(APP, 'current'), { force: true });
      symlinkSync('releases/1', join(APP, 'current'));
      const units = { 'app.service': files.get('app.service') };
      const app = make(units, {}, { socketPath: '/run/app/app.sock' });
      await app.start();
      await until(() => app.ask().then(Boolean, () => false), 'the first answer');
      return live(app, { refused: true });
    },
  },
];
