import { join } from 'node:path';
import { expect, test } from 'vitest';
import { asFixture, copyOfPackage } from '../../helpers/copies.js';
import { httpGet, patience, sendSignal, startFleet, startReadyFleet } from '../../helpers/index.js';
import { thereAs } from '../../helpers/target.js';
import { overAndClean, startWatched } from '../../helpers/whole-run.js';

// A thread of Windows waits for 64 objects at most, WaitForMultipleObjects.
const MANY = 60;

test(
  `a fleet of ${MANY} workers recovers when all of them are killed at once, serves, and stops`,
  async () => {
    const boot = { within: 60_000 };
    const master = startWatched({
      options: { workers: MANY, recoverThreshold: Number.POSITIVE_INFINITY, recoverInterval: 0 },
    });
    const { pids, addresses } = await master.event('onMasterReady', boot);
    expect(new Set(pids).size).toBe(MANY);
    const recovered = pids.map((pid: number) =>
      master.next('onChildRecover', { where: ({ oldPid }) => oldPid === pid, ...boot }),
    );
    for (const pid of pids) sendSignal(pid, 'SIGKILL');
    await Promise.all(recovered);
    expect(master.workers()).toHaveLength(MANY);
    expect(master.workers()).toContain((await httpGet({ port: addresses[0].port })).json().pid);
    await master.call('stop');
    expect((await overAndClean(master)).exit).toEqual({ code: 0, signal: null });
  },
  patience(180_000),
);

test('an environment of 80 kB reaches the workers whole', async () => {
  // A single variable has room for 32,767 characters on Windows, the whole for more, MSDN "Environment Variables".
  const names = ['FIRST', 'SECOND', 'THIRD', 'FOURTH'];
  const env = Object.fromEntries(names.map((name) => [`OF_THE_TEST_${name}`, name.repeat(4_000).slice(0, 20_000)]));
  const { port } = await startReadyFleet({ options: { workers: 1 } }, { env });
  expect((await httpGet({ port, path: '/env' })).json()).toMatchObject(env);
});

test('package, program and working folder may have spaces, signs and letters of any language in their paths', async () => {
  const folder = copyOfPackage("prefork ünï 文字 & 100% (it's) ");
  const program = join(folder, 'test/fixtures/fleet.mjs');
  const master = startFleet({ options: { workers: 1, recoverInterval: 0 } }, { cwd: folder }, asFixture(program));
  const { pids, addresses } = await master.event('onMasterReady');
  const where = (await httpGet({ port: addresses[0].port, path: '/where' })).json();
  expect(where).toMatchObject({ program: thereAs(program), folder: thereAs(folder) });
  sendSignal(pids[0], 'SIGKILL');
  await master.event('onChildRecover');
  expect((await httpGet({ port: addresses[0].port })).json().pid).toBe(master.workers()[0]);
  await master.call('stop');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
});
