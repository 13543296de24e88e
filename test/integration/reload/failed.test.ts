import { expect } from 'vitest';
import { makeDeployment } from '../../helpers/deployment.js';
import { eventually, patience } from '../../helpers/index.js';
import { expectNothingLost, startLoad } from '../../helpers/load.js';
import { eachSharing, LOSSLESS } from '../../helpers/sharing.js';

const READY_TIMEOUT = patience(15_000);

const failures = [
  {
    what: 'throws',
    options: {},
    code: "console.error('cannot read the settings'); throw new Error('the new code is wrong');",
    stderr: ['cannot read the settings'],
    error: { message: expect.stringContaining('the new code is wrong'), cause: { message: 'the new code is wrong' } },
  },
  {
    what: 'is no JavaScript',
    options: {},
    code: 'export const version = ;',
    stderr: [],
    error: { cause: { name: 'SyntaxError' } },
  },
  {
    what: 'exits',
    options: {},
    code: "console.error('no database, no service'); process.exit(7);",
    stderr: ['no database, no service'],
    error: { exits: [expect.objectContaining({ code: 7 })] },
  },
  {
    what: 'hangs past readyTimeout',
    options: { readyTimeout: READY_TIMEOUT },
    code: "console.error('waiting for a lock'); for (;;);",
    stderr: ['waiting for a lock'],
    error: { message: expect.stringContaining(`not ready within ${READY_TIMEOUT} ms`) },
  },
];
const rows = LOSSLESS.flatMap((sharing) => failures.map((failure) => ({ sharing, ...failure })));

eachSharing(rows)(
  'L7 a release that $what fails its reload, and the old workers serve on, without an error, until a good one comes ($sharing)',
  async ({ sharing, options, code, stderr, error }) => {
    const deployment = makeDeployment();
    // The master may not count one unrequested exit.
    const fleet = await deployment.start({ sharing, ...options, recoverThreshold: 0 });
    const { master, port } = fleet;
    const pids = [...fleet.pids].sort();
    const loads = [
      startLoad({ port, mode: 'per-request', concurrency: 4 }),
      startLoad({ port, mode: 'keep-alive', concurrency: 4 }),
    ];
    const answered = (more: number) => Promise.all(loads.map((load) => load.answered(more)));
    await answered(20);

    deployment.write('1', code);
    const failing = master.call('reload');
    // Now there is a worker of the new release, which does not become ready.
    await master.event('on spawn', { nth: pids.length + 1 });
    await answered(20);
    const failed = await failing;
    expect(failed).toMatchObject({ ok: false, generation: 0, replaced: [] });
    expect(failed.error).toMatchObject({ code: 'ERR_PREFORK_BOOT_FAILED', ...error });
    const [exit] = failed.error.exits;
    expect(exit).toMatchObject({ slot: 0, generation: 1 });
    expect(pids).not.toContain(exit.pid);
    for (const line of stderr) expect(exit.stderr).toContain(line);

    await answered(20);
    const status = await eventually(async () => {
      const now = await master.call('status');
      return now.workers.length === pids.length && now;
    });
    expect(status).toMatchObject({ state: 'running', generation: 0, recoveries: 0 });
    expect(status.workers.map(({ pid }: { pid: number }) => pid).sort()).toEqual(pids);

    deployment.write('1', 'export const version = 2;');
    const good = await master.call('reload');
    expect(good).toMatchObject({ ok: true, generation: 1 });
    await answered(20);
    const reports = await Promise.all(loads.map((load) => load.stop()));
    for (const report of reports) {
      expectNothingLost(report);
      // The first workers and the last ones answered, and no others.
      const served = [...pids, ...good.replaced.map(({ newPid }: { newPid: number }) => newPid)];
      for (const pid of Object.keys(report.pids)) expect(served).toContain(Number(pid));
    }
    const versions = master.events('serve').map(({ version }) => version);
    expect(versions).toEqual([1, 1, 2, 2]);
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
  },
  patience(120_000),
);
