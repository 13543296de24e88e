import { readdirSync, rmSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { expect, test } from 'vitest';
import { recovered, stops } from '../../helpers/blocking-fleet.js';
import { asFixture, copyOfPackage } from '../../helpers/copies.js';
import { startMaster } from '../../helpers/index.js';

/** The files of the package that workers need to start; a master loads none of them late. */
const WORKERS_NEED =
  /^(bundle(-worker-run-worker)?\.c?js|(preload|paths|boot\/(boot|posix|identity)|addon\/(binding|libc|narrow)|common\/(guard-output|in-words)|protocol\/protocol)\.cjs)$/;

test('a running master needs no file of the package that its workers do not need', async () => {
  const folder = copyOfPackage();
  const fixture = asFixture(join(folder, 'test/fixtures/blocks'));
  const master = startMaster(fixture, { args: [JSON.stringify({ livenessTimeout: 2_500 })] });
  const { pids } = await master.event('onMasterReady');
  const dist = join(folder, 'dist');
  for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (entry.isFile() && !WORKERS_NEED.test(relative(dist, file).replaceAll(sep, '/'))) rmSync(file);
  }
  await master.call('sendTo', 0, 'javascript');
  await master.logged(/worker 0 .* so it is killed; JavaScript stack: inspector unavailable$/m);
  await recovered(master, pids[0]);
  expect(await master.call('reload')).toMatchObject({ ok: true });
  await master.call('scale', 3);
  await stops(master);
});
