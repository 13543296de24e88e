import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import {
  commandWorks,
  httpGet,
  type Master,
  sendSignal,
  startReadyFleet,
  testOn,
  testWhen,
} from '../../helpers/index.js';

/** The fleet serves with the same workers, and no exit was counted. */
async function expectUntouched(master: Master, port: number, pids: readonly number[]): Promise<void> {
  for (let i = 0; i < 4; i++) expect(pids).toContain((await httpGet({ port })).json().pid);
  expect(master.events('onChildExit')).toEqual([]);
  expect(master.stderr).not.toMatch(/is filled again|was killed/);
}

/** The program behind a wrapper. */
async function masterOf(master: Master): Promise<number> {
  return (await master.event('onMasterReady')).from;
}

testOn('signals')(
  'N9a SIGUSR2 to the whole process group ends no worker, and the log names the flag for nodemon',
  async () => {
    const { master, port, pids } = await startReadyFleet({ options: { workers: 2 } });
    for (let i = 0; i < 5; i++) master.killGroup('SIGUSR2');
    await master.logged('nodemon --signal SIGTERM');
    await expectUntouched(master, port, pids);
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
  },
);

testOn('signals', 'reports')(
  'N9a a worker that handles SIGUSR2 itself gets it, and --report-on-signal writes its report',
  async () => {
    const handler = "data:text/javascript,process.on('SIGUSR2', () => console.error('heard by', process.pid))";
    const nodeArgs = ['--report-on-signal', '--report-filename=/dev/null', '--import', handler];
    const { master, port, pids } = await startReadyFleet({ options: { workers: 2 } }, { nodeArgs });
    master.killGroup('SIGUSR2');
    for (const pid of pids) await master.logged(`heard by ${pid}`);
    await master.logged('Writing Node.js report');
    await expectUntouched(master, port, pids);
  },
);

// A test or a master that gets no CPU meanwhile makes it more than 200 ms.
testOn('signals')(
  'N9b SIGTERM followed by SIGINT and SIGQUIT within 200 ms is one stop: requests under way are answered',
  async () => {
    const { master, port } = await startReadyFleet({ options: { workers: 2 } });
    const slow = httpGet({ port, path: '/slow?ms=1000' });
    await master.event('request');
    master.killGroup('SIGTERM');
    for (const signal of ['SIGINT', 'SIGQUIT', 'SIGINT'] as const) {
      await delay(10);
      master.killGroup(signal);
    }
    expect((await slow).status).toBe(200);
    expect(await master.gone()).toEqual({ code: 0, signal: null });
    expect(master.stderr).not.toMatch(/stopping at once|was killed|is filled again/);
  },
  { retry: 2 },
);

testOn('posixProcesses')(
  'N9b a signal that came within 200 ms of the first is its echo also where the master got no CPU for as long',
  async () => {
    const { master, port } = await startReadyFleet({ options: { workers: 2 } });
    const slow = httpGet({ port, path: '/slow?ms=2000' });
    await master.event('request');
    master.kill('SIGTERM');
    await master.logged('SIGTERM: stopping');
    sendSignal(master.pid, 'SIGSTOP');
    master.kill('SIGINT');
    await delay(400);
    sendSignal(master.pid, 'SIGCONT');
    expect((await slow).status).toBe(200);
    expect(await master.gone()).toEqual({ code: 0, signal: null });
    expect(master.stderr).not.toContain('SIGINT: stopping');
  },
  // A test that gets no CPU between the two signals makes it more than 200 ms.
  { retry: 2 },
);

for (const wrapper of [['dumb-init'], ['tini', '-s', '-g', '--']] as [string, ...string[]][]) {
  const testBehind = testWhen(commandWorks(...wrapper, 'true'), `needs ${wrapper[0]}`, 'signals');

  testBehind(`N9g behind ${wrapper.filter((word) => word !== '--').join(' ')}: a reload, and one stop`, async () => {
    const { master, port } = await startReadyFleet({ options: { workers: 2 } }, { wrapper });
    const pid = await masterOf(master);
    expect(pid).not.toBe(master.pid);
    master.kill('SIGUSR2');
    await master.logged('nodemon --signal SIGTERM');
    const reloaded = master.event('on reload');
    master.kill('SIGHUP');
    expect((await reloaded).args).toEqual([expect.objectContaining({ ok: true, generation: 1 })]);
    const slow = httpGet({ port, path: '/slow?ms=300' });
    await master.event('request');
    master.kill('SIGTERM');
    expect((await slow).status).toBe(200);
    expect(await master.gone()).toEqual({ code: 0, signal: null });
    expect(master.stderr).not.toMatch(/stopping at once|was killed|is filled again/);
  });
}

testOn('signals')('N9g SIGHUP to the whole process group reloads once and ends no worker', async () => {
  const { master, port } = await startReadyFleet({ options: { workers: 2 } });
  master.killGroup('SIGHUP');
  expect((await master.event('on reload')).args).toEqual([expect.objectContaining({ ok: true, generation: 1 })]);
  expect((await httpGet({ port })).json().generation).toBe(1);
  sendSignal(await masterOf(master), 'SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
  expect(master.stderr).not.toMatch(/was killed|is filled again|generation 2/);
});
