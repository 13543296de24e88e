import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  commandWorks,
  eventually,
  httpGet,
  isAlive,
  isRoot,
  type Master,
  patience,
  sendSignal,
  startFleet,
  startMaster,
  testOn,
  testWhen,
  withDescriptors,
} from '../../helpers/index.js';

// root is exempt from RLIMIT_NPROC (CAP_SYS_RESOURCE), so the fleet runs as another user.
const NOBODY = 65_534;
const asNobody = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'] as const;
const canLimit = isRoot && commandWorks(...asNobody, 'prlimit');
const limited = testWhen(canLimit, 'needs root, setpriv and prlimit', 'posixProcesses');

function startLimited(options: object): Master {
  return startMaster('out-of-processes', { args: [JSON.stringify(options)], wrapper: asNobody });
}

/** RLIMIT_NPROC, from proc_pid_limits(5): `Max processes  <soft>  <hard>  processes`. */
function hardLimit(pid: number): string {
  const line = /^Max processes +\S+ +(\S+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8'));
  return line?.[1] ?? 'unlimited';
}

function allowProcesses(master: Master, allowed: boolean): void {
  // As the same user: prlimit(2) asks root for CAP_SYS_RESOURCE, which containers withhold.
  const [file, ...args] = asNobody;
  execFileSync(file, [...args, 'prlimit', `--pid=${master.pid}`, `--nproc=${allowed ? hardLimit(master.pid) : 1}:`]);
}

limited('W7 a spawn that fails with EAGAIN is tried again, and the healthy worker is not touched', async () => {
  const master = startLimited({ readyFor: 0 });
  const { pids, addresses } = await master.event('onMasterReady');
  const [victim, healthy] = pids as [number, number];
  const { port } = addresses[0];
  allowProcesses(master, false);
  sendSignal(victim, 'SIGKILL');
  await master.logged(/EAGAIN.*trying again in \d+ ms[\s\S]*EAGAIN.*trying again in \d+ ms/);
  expect((await httpGet({ port })).body).toBe(String(healthy));
  allowProcesses(master, true);
  expect(await master.event('onChildRecover')).toMatchObject({ oldPid: victim });
  expect(isAlive(healthy)).toBe(true);
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
  expect(master.stderr.match(/exit \d+ of/g)).toHaveLength(1);
});

limited('W7 start() is as patient: the fleet is ready when the machine can start processes again', async () => {
  const master = startLimited({ startWithout: true });
  await master.logged(/EAGAIN.*trying again/);
  allowProcesses(master, true);
  expect((await master.event('onMasterReady')).pids).toHaveLength(2);
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
});

limited('W7 the patience of start() ends with readyTimeout, and the error names the cause', async () => {
  const master = startLimited({ startWithout: true, readyTimeout: 500 });
  expect(await master.gone()).toEqual({ code: 1, signal: null });
  const { error } = await master.event('settled');
  expect(error).toMatchObject({ code: 'ERR_PREFORK_BOOT_FAILED', cause: { code: 'EAGAIN' } });
  expect(error.message).toContain('raise ulimit -u');
});

limited('W7 a stop does not wait for the next attempt', async () => {
  const master = startLimited({ startWithout: true, readyTimeout: 60_000 });
  await master.logged(/trying again in 1000 ms/);
  await master.call('stop');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
});

testOn('posixProcesses', 'proc')(
  'W7 a worker that comes at the end of a shortage has all of readyTimeout to become ready, and its age begins with its process',
  async () => {
    // Of 12 s half of one is left when the process comes.
    const slow = 'data:text/javascript,await new Promise((go) => setTimeout(go, 1_000));';
    const master = startMaster('short-of-descriptors', {
      wrapper: withDescriptors(200),
      args: [JSON.stringify({ readyTimeout: 12_000, execArgv: ['--import', slow] })],
    });
    const { pids } = await master.event('onMasterReady');
    await master.call('take', 0);
    sendSignal(pids[0], 'SIGKILL');
    await eventually(() => (master.stderr.match(/trying again in 1000 ms/g) ?? []).length >= 10, { within: 30_000 });
    await master.call('giveBack');
    const { newPid } = await master.event('onChildRecover');
    sendSignal(newPid, 'SIGKILL');
    const ended = await master.logged(new RegExp(`pid ${newPid}.* was killed by SIGKILL after \\d+ ms`));
    expect(Number(/after (\d+)/.exec(ended)?.[1])).toBeLessThan(12_000);
    expect(master.stderr).not.toContain('was not ready');
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
  },
  patience(120_000),
);

test.each([
  ['a program that does not exist', { exec: '/nonexistent/program' }, 'ENOENT', 'is gone'],
  ['a program that may not be executed', { exec: '/etc/passwd' }, 'EACCES', 'chmod +x'],
  ['a folder that does not exist', { cwd: '/nonexistent' }, 'ENOENT', 'the folder must exist'],
])(
  'W7 %s is a boot failure at once, with the system error and the way out as cause',
  async (_what, options, code, way) => {
    const master = startFleet({ options });
    expect(await master.gone()).toEqual({ code: 1, signal: null });
    const { error } = await master.event('settled');
    expect(error).toMatchObject({ code: 'ERR_PREFORK_BOOT_FAILED', cause: { code } });
    expect(error.message).toContain(way);
    expect(master.stderr).not.toContain('trying again');
  },
);
