import { expect } from 'vitest';
import {
  canUnsharePids,
  eventually,
  httpGet,
  inPidNamespace,
  processInfo,
  sendSignal,
  startMaster,
  startReadyFleet,
  testWhen,
} from '../../helpers/index.js';
import { descendants } from '../../helpers/orphans.js';
import { children } from '../../helpers/processes.js';

const inNamespace = testWhen(canUnsharePids(), 'needs unshare --pid', 'posixProcesses');

inNamespace('W19c SIGTERM stops a master that is PID 1', async () => {
  const { master } = await startReadyFleet({}, { wrapper: inPidNamespace });
  const [pid1] = descendants(master.pid) as [number];
  sendSignal(pid1, 'SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
  expect(master.stderr).toContain('SIGTERM: stopping');
});

inNamespace('W19c workers of a master that is PID 1 do not take it for a dead one', async () => {
  const { master, port, pids } = await startReadyFleet({}, { wrapper: inPidNamespace });
  const { masterPid } = await master.event('serve');
  expect(masterPid).toBe(1);
  expect(pids).toContain((await httpGet({ port })).json().pid);
  expect(master.stderr).not.toContain('master died');
});

inNamespace('W19c a master that is PID 1 reaps strangers, and never takes one for a worker', async () => {
  const master = startMaster('leaves-strangers', { wrapper: inPidNamespace });
  const { pids, addresses } = await master.event('onMasterReady');
  const [pid1] = descendants(master.pid) as [number];
  const zombies = (): readonly number[] =>
    children(pid1)
      .filter(({ state }) => state === 'Z')
      .map(({ pid }) => pid);
  for (let round = 0; round < 3; round++) {
    // The worker starts a shell that starts a sleep and exits: the sleep becomes a child of PID 1, and soon a zombie.
    const { body } = await httpGet({ port: addresses[0].port, path: '/stranger' });
    expect(Number(body)).toBeGreaterThan(1);
  }
  await eventually(() => children(pid1).filter(({ name }) => name === 'sleep').length === 0 && zombies().length === 0, {
    within: 10_000,
    what: 'the strangers are reaped',
  });
  // The master leaves its own child_process children to libuv, which reports their code.
  expect(await master.call('ownChild')).toBe(3);
  expect((await master.call('workers')).map(({ pid }: { pid: number }) => pid)).toEqual(pids);
  expect(master.events('onChildExit')).toEqual([]);
  sendSignal(pid1, 'SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
  expect(processInfo(pid1)).toBe(undefined);
});
