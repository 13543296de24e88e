import { expect, test } from 'vitest';
import {
  type FleetConfig,
  type Master,
  patience,
  sendSignal,
  startFleet,
  target,
  testWhen,
} from '../../helpers/index.js';
import { canReapOrphans, descendants, occupy, reaped, reapingOrphans } from '../../helpers/orphans.js';

/** There a parent between the master and each worker reports how the worker ended; elsewhere the process that adopts the orphans. */
const onWindows = target.platform === 'win32';
const watched = onWindows ? test : testWhen(canReapOrphans(), 'needs python3', 'posixProcesses');

interface Orphaned {
  /** How each worker ended. */
  readonly ends: readonly { readonly code: number | null; readonly signal: number | string | null }[];
}

/** Kills the master of a fleet, lets its workers end, and returns how they did. */
async function orphan(
  config: FleetConfig,
  before?: (master: Master, port: number) => Promise<void>,
): Promise<Orphaned> {
  const master = startFleet(
    { ...config, reportsExits: onWindows, options: { workers: 2, shutdownGracePeriod: 500, ...config.options } },
    onWindows ? {} : { wrapper: reapingOrphans },
  );
  const { addresses } = await master.event('onMasterReady');
  await before?.(master, addresses[0].port);
  sendSignal(onWindows ? master.pid : (descendants(master.pid)[0] as number), 'SIGKILL');
  await master.gone();
  const found = reaped(master);
  const ends = master.events('serve').map(({ pid }) => ({
    code: found.get(pid)?.['code'],
    signal: found.get(pid)?.['signal'],
  }));
  return { ends };
}

const CODE_1 = { code: 1, signal: null };

watched('W20 a worker that drained after the death of its master exits with code 1', async () => {
  expect((await orphan({})).ends).toEqual([CODE_1, CODE_1]);
});

watched('W20 a worker that was cut at the end of its grace exits with code 1', async () => {
  const { ends } = await orphan({}, (master, port) => occupy(master, port, '/stream', 1));
  expect(ends).toEqual([CODE_1, CODE_1]);
});

watched('W20 a worker whose event loop is blocked exits with code 1', async () => {
  expect((await orphan({}, (master, port) => occupy(master, port, '/block', 2))).ends).toEqual([CODE_1, CODE_1]);
});

watched('W20 a worker whose onMasterDeath returned exits with code 1', async () => {
  expect((await orphan({ onMasterDeath: 'wait:10' })).ends).toEqual([CODE_1, CODE_1]);
});

watched('W20 a worker whose onMasterDeath calls process.exit(0) does not exit with code 0', async () => {
  expect((await orphan({ onMasterDeath: 'exit:0' })).ends).toEqual([CODE_1, CODE_1]);
});

watched('W20 a worker whose onMasterDeath chooses another code exits with that one', async () => {
  const ended = { code: 7, signal: null };
  // Under a sanitizer the exit itself takes as long as the grace of the other tests.
  const options = { shutdownGracePeriod: patience(10_000) };
  expect((await orphan({ onMasterDeath: 'exit:7', options })).ends).toEqual([ended, ended]);
});

watched('W20 a worker whose onMasterDeath fails or never settles exits with code 1', async () => {
  expect((await orphan({ onMasterDeath: 'throw' })).ends).toEqual([CODE_1, CODE_1]);
  expect((await orphan({ onMasterDeath: 'never settle' })).ends).toEqual([CODE_1, CODE_1]);
});

testWhen(
  !onWindows && canReapOrphans(),
  'on Windows the process that could report it is killed, too; elsewhere it needs python3',
)("W20 with onMasterDeath 'kill' no worker ends with code 0", async () => {
  for (const { code, signal } of (await orphan({ onMasterDeath: 'kill' })).ends) {
    expect(code === 1 || signal === 9).toBe(true);
  }
});
