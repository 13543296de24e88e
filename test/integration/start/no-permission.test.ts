import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect } from 'vitest';
import {
  commandWorks,
  eventually,
  type FleetConfig,
  inPackage,
  isRoot,
  type Master,
  startFleet,
  testWhen,
} from '../../helpers/index.js';

const NOBODY = 65_534;
const asNobody = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'] as const;
const folder = mkdtempSync(join(tmpdir(), 'prefork-set-uid-'));
const flag = join(folder, 'lives');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A program that only root may signal; `undefined` where the test cannot make one. */
function setUidProgram(): string | undefined {
  if (!isRoot || !commandWorks(...asNobody, 'true')) return undefined;
  const program = join(folder, 'set-uid');
  try {
    execFileSync('cc', ['-o', program, inPackage('test/fixtures/set-uid.c')], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  chmodSync(folder, 0o755);
  chmodSync(program, 0o4755);
  // 77: the file system has nosuid, or this is no root that counts.
  return commandWorks(...asNobody, program, join(folder, 'absent')) ? program : undefined;
}

const program = setUidProgram();
const withSetUid = testWhen(program !== undefined, 'needs root, setpriv, cc and set-uid files', 'posixProcesses');
beforeEach(() => writeFileSync(flag, ''));
afterEach(() => rmSync(flag, { force: true }));

async function exitsBefore(master: Master, code: number): Promise<void> {
  expect(await master.exit({ within: 20_000 })).toEqual({ code, signal: null });
  // The master did not wait for it.
  expect(master.members()).toHaveLength(1);
  rmSync(flag);
  await eventually(() => master.members().length === 0, { what: 'the worker ends' });
}

withSetUid(
  'N10e a worker that may not be killed fails its boot with EPERM as the reason, and the master ends',
  async () => {
    const options = {
      workers: 1,
      exec: program as string,
      args: [flag],
      // Long enough that the program belongs to root by then, also where it gets no CPU for a while.
      readyTimeout: 6_000,
      shutdownGracePeriod: 300,
    };
    const master = startFleet({ options }, { wrapper: asNobody });
    const { ok, error } = await master.event('settled', { within: 20_000 });
    expect(ok).toBe(false);
    expect(error.code).toBe('ERR_PREFORK_BOOT_FAILED');
    expect(error.message).toMatch(/was not ready within 6000 ms, and cannot be killed: .*EPERM/);
    expect(error.cause.code).toBe('EPERM');
    expect(master.stderr).toMatch(/worker 0 \(pid \d+, generation 0\) cannot be sent SIGKILL: .*EPERM/);
    await exitsBefore(master, 1);
  },
);

withSetUid('N10e a fleet of workers that may not be signalled stops all the same, and the master exits', async () => {
  const options = { workers: 1, exec: program as string, args: [flag], readiness: 'spawn', shutdownGracePeriod: 300 };
  const master = startFleet({ options: options as FleetConfig['options'] & object }, { wrapper: asNobody });
  const { pids } = await master.event('onMasterReady');
  const isRoots = () => /^Uid:\t0\t0\t/m.test(readFileSync(`/proc/${pids[0]}/status`, 'utf8'));
  await eventually(isRoots, { what: 'the worker belongs to root' });
  master.kill('SIGTERM');
  await master.event('settled', { within: 20_000, where: (event) => event['ok'] });
  expect(master.stderr).toMatch(/cannot be sent SIGTERM: .*EPERM/);
  expect(master.stderr).toContain('ms after SIGKILL; the master does not wait any longer');
  await exitsBefore(master, 0);
});
