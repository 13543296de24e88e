import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import {
  commandWorks,
  eventually,
  httpGet,
  type Master,
  patience,
  sendSignal,
  startFleet,
  testWhen,
} from '../../helpers/index.js';
import { lostLines } from '../../helpers/lost-lines.js';

const wrapper = (kind: 'pipe' | 'terminal' | 'strange-terminal', descriptors: '1' | '2' | '12') =>
  ['python3', fileURLToPath(new URL('../../fixtures/stalled-output.py', import.meta.url)), kind, descriptors] as const;

const testWithPython = testWhen(
  commandWorks(...wrapper('pipe', '2'), 'true'),
  'needs python3 and pseudo terminals',
  'terminals',
);
const testStalled = (title: string, body: () => Promise<void>): void => testWithPython(title, body, patience(180_000));

const MODES = { inherit: ['ignore', 'inherit', 'inherit'], pipe: ['ignore', 'pipe', 'pipe'] } as const;
/** Long enough to distinguish it from a stop that is over at once. */
const GRACE = 30_000;

/** Fixtures report on stdout, which no process reads: the log says where they serve. */
async function served(master: Master): Promise<number> {
  return Number(/\d+$/.exec(await master.logged(/ready on 127\.0\.0\.1:\d+/, { within: 60_000 }))?.[0]);
}

/** A worker is killed and filled again, a reload is done, and the fleet stops, while nothing reads what the master logs. */
async function expectLife(master: Master): Promise<void> {
  const { pids, addresses } = await master.event('onMasterReady');
  const port = addresses[0].port as number;
  sendSignal(pids[0], 'SIGKILL');
  const { newPid } = await master.event('onChildRecover');
  expect(pids).not.toContain(newPid);
  expect((await httpGet({ port })).status).toBe(200);
  master.kill('SIGHUP');
  expect((await master.event('on reload')).args).toEqual([expect.objectContaining({ ok: true })]);
  expect((await httpGet({ port })).status).toBe(200);
  master.kill('SIGTERM');
  expect(await master.exit({ within: 10_000 })).toEqual({ code: 0, signal: null });
}

for (const stdio of ['inherit', 'pipe'] as const) {
  testStalled(
    `N8a a full pipe behind stderr without a reader keeps the master from nothing: recovery, reload, stop (${stdio})`,
    async () => {
      const options = { workers: 2, stdio: MODES[stdio], shutdownGracePeriod: GRACE };
      await expectLife(startFleet({ options }, { wrapper: wrapper('pipe', '2') }));
    },
  );

  testStalled(
    `N8b Ctrl-S on the terminal behind stderr keeps the master from nothing: recovery, reload, stop (${stdio})`,
    async () => {
      const options = { workers: 2, stdio: MODES[stdio], shutdownGracePeriod: GRACE };
      await expectLife(startFleet({ options }, { wrapper: wrapper('strange-terminal', '2') }));
    },
  );

  testStalled(`N8e output of workers without a reader does not keep the master from its end (${stdio})`, async () => {
    const options = { workers: 2, stdio: MODES[stdio], shutdownGracePeriod: 1_000 };
    const master = startFleet({ options }, { wrapper: wrapper('pipe', '1'), env: { PREFORK_TEST_REPORT_TO: '2' } });
    const port = await served(master);
    for (let i = 0; i < 40; i++) {
      expect((await httpGet({ port, path: '/print?bytes=1000&lines=20' })).status).toBe(200);
      await delay(40);
    }
    master.kill('SIGTERM');
    expect(await master.exit({ within: 8_000 })).toEqual({ code: 0, signal: null });
    if (stdio === 'pipe') expect(master.stderr).toMatch(/worker \d \(.*\) lost \d+ lines of its stdout/);
  });

  testStalled(`N8g a reader of stdout that goes away ends no worker, and loses no request (${stdio})`, async () => {
    const options = { workers: 2, stdio: MODES[stdio] };
    const master = startFleet({ options }, { wrapper: wrapper('pipe', '1'), env: { PREFORK_TEST_REPORT_TO: '2' } });
    const port = await served(master);
    await master.call('close');
    const pids = new Set<number>();
    for (let i = 0; i < 40; i++) {
      const response = await httpGet({ port, path: '/print' });
      expect(response.status).toBe(200);
      pids.add(response.json().pid);
    }
    expect(pids.size).toBeLessThanOrEqual(2);
    expect(master.stderr).not.toMatch(/exited|killed|EPIPE/);
    master.kill('SIGTERM');
    expect(await master.exit()).toEqual({ code: 0, signal: null });
    expect(master.stderr).not.toContain('is filled again');
  });

  testStalled(`N8q a full disk behind stdout (ENOSPC) ends no worker, and loses no request (${stdio})`, async () => {
    const options = { workers: 2, stdio: MODES[stdio], recoverThreshold: 0 };
    const wrapper = ['sh', '-c', 'exec "$@" > /dev/full', 'sh'];
    const master = startFleet({ options }, { wrapper, env: { PREFORK_TEST_REPORT_TO: '2' } });
    const port = await served(master);
    for (let i = 0; i < 20; i++) expect((await httpGet({ port, path: '/print' })).status).toBe(200);
    master.kill('SIGTERM');
    expect(await master.exit()).toEqual({ code: 0, signal: null });
    expect(master.stderr).not.toMatch(/exited with code 1|ENOSPC/);
  });

  testStalled(
    `N8h a terminal that goes away while it is not the controlling one ends no worker, and none that is started later (${stdio})`,
    async () => {
      const options = { workers: 2, stdio: MODES[stdio] };
      const master = startFleet(
        { options },
        { wrapper: wrapper('strange-terminal', '1'), env: { PREFORK_TEST_REPORT_TO: '2' } },
      );
      const port = await served(master);
      await master.call('close');
      const { pid } = (await httpGet({ port })).json();
      sendSignal(pid, 'SIGKILL');
      await eventually(() => (master.stderr.match(/"event":"onChildRecover"/g) ?? []).length === 1);
      for (let i = 0; i < 40; i++) expect((await httpGet({ port, path: '/print' })).status).toBe(200);
      master.kill('SIGTERM');
      expect(await master.exit()).toEqual({ code: 0, signal: null });
      expect(master.stderr.match(/is filled again/g)).toHaveLength(1);
    },
  );
}

testStalled('the lines that the master logged while no process read are there when one reads', async () => {
  const master = startFleet({ options: { workers: 1 } }, { wrapper: wrapper('pipe', '2') });
  await master.event('onMasterReady');
  await master.call('read');
  await master.logged('1 worker is ready on');
  master.kill('SIGTERM');
  expect(await master.exit()).toEqual({ code: 0, signal: null });
  expect(master.stderr).not.toContain('dropped');
});

testStalled(
  "N8f with stdio 'pipe' the lines of twelve workers arrive whole at a slow reader, and no listener is one too many",
  async () => {
    const options = { workers: 12, stdio: MODES.pipe };
    const master = startFleet({ options }, { wrapper: wrapper('pipe', '1'), env: { PREFORK_TEST_REPORT_TO: '2' } });
    const port = await served(master);
    await master.call('empty');
    await master.call('read', 'slowly');
    const responses = await Promise.all(
      Array.from({ length: 60 }, (_, i) =>
        httpGet({
          port,
          within: 60_000,
          path: i % 2 === 0 ? '/print?bytes=20000&lines=4' : '/print?bytes=300&lines=100',
        }),
      ),
    );
    expect(responses.every(({ status }) => status === 200)).toBe(true);
    // A reader that gets no CPU for a second is one that does not read: what is dropped then is counted.
    await eventually(() => master.stdout.split('\n').length - 1 + lostLines(master) === 30 * 104, { within: 60_000 });
    const lines = master.stdout.trimEnd().split('\n');
    for (const line of lines) expect(Object.keys(JSON.parse(line))).toEqual(['slot', 'i', 'text']);
    expect(master.stderr).not.toContain('MaxListenersExceededWarning');
    master.kill('SIGTERM');
    expect(await master.exit()).toEqual({ code: 0, signal: null });
  },
);

for (const kind of ['pipe', 'strange-terminal'] as const) {
  testStalled(
    `N8i a crash ends worker and master also while no process reads what Node prints of it (${kind})`,
    async () => {
      const crash = "data:text/javascript,process.once('SIGUSR2', () => { throw new Error('crashed'); })";
      const master = startFleet(
        { options: { workers: 2 } },
        { wrapper: wrapper(kind, '2'), nodeArgs: ['--import', crash] },
      );
      const { addresses } = await master.event('onMasterReady');
      const port = addresses[0].port as number;
      await expect(httpGet({ port, path: '/throw' })).rejects.toThrow();
      await master.event('onChildRecover');
      expect((await httpGet({ port })).status).toBe(200);
      master.kill('SIGUSR2');
      expect(await master.exit()).toEqual({ code: 1, signal: null });
    },
  );
}
