import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { asFixture, copyOfPackage } from '../helpers/copies.js';
import { startMaster } from '../helpers/index.js';
import { recovered, stops } from './blocking-fleet.js';

/** Of the package, what workers need to start; a master loads none of it late. */
const WORKERS_NEED =
  /^(bundle(-worker)?\.c?js|(preload|boot(-posix)?|binding|elf|guard-output|identity|in-words|protocol)\.cjs)$/;

test('a running master needs no file of the package that its workers do not need', async () => {
  const folder = copyOfPackage();
  const fixture = asFixture(join(folder, 'test/fixtures/blocks'));
  const master = startMaster(fixture, { args: [JSON.stringify({ livenessTimeout: 1_000 })] });
  const { pids } = await master.event('onMasterReady');
  for (const file of readdirSync(join(folder, 'dist'))) {
    if (!WORKERS_NEED.test(file)) rmSync(join(folder, 'dist', file));
  }
  await master.call('tell', 0, 'javascript');
  await master.logged(/worker 0 .* so it is killed; JavaScript stack: inspector unavailable$/m);
  await recovered(master, pids[0]);
  expect(await master.call('reload')).toMatchObject({ ok: true });
  await master.call('scale', 3);
  await stops(master);
});
