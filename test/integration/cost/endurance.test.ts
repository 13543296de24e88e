import { expect, test } from 'vitest';
import {
  children,
  connectRaw,
  type Master,
  openFds,
  patience,
  residentMemoryOf,
  sendSignal,
  startMaster,
} from '../../helpers/index.js';
import { usuallyOnly } from '../../helpers/share-of-suite.js';
import { overAndClean } from '../../helpers/whole-run.js';

const WARM_UP = 50;
const KILLS = usuallyOnly(150, 300);
const WORKERS = 5;
/** What the master may have grown by between the warm-up and the end, in bytes: V8 compiles what runs often, in steps of some megabytes. */
const TOLERANCE = 10 * 1024 * 1024;

/** Kills `count` workers, a whole fleet at a time, and waits until every slot is filled again. */
async function kill(master: Master, pids: readonly number[], count: number): Promise<readonly number[]> {
  let living = pids;
  for (let killed = 0; killed < count; killed += living.length) {
    const successors = living.map((old) =>
      master.next('onChildRecover', { where: ({ oldPid }) => oldPid === old, within: 30_000 }),
    );
    for (const pid of living) sendSignal(pid, 'SIGKILL');
    living = (await Promise.all(successors)).map(({ newPid }) => newPid as number);
  }
  return living;
}

/** In bytes, without garbage: each major of V8 puts its collection off for another time. */
async function memoryInUse(master: Master): Promise<number> {
  await master.call('collectGarbage');
  return residentMemoryOf(master.pid);
}

/** The counts that must not grow with the number of workers that ever lived. */
function inventory(master: Master): { descriptors: number; children: number; zombies: number } {
  const all = children(master.pid);
  return {
    descriptors: openFds(master.pid).size,
    children: all.length,
    zombies: all.filter(({ state }) => state === 'Z').length,
  };
}

test(
  `${KILLS} kills and recoveries leave the descriptors, children and memory of the master as they were`,
  async () => {
    const master = startMaster('endures', { args: [String(WORKERS)] });
    const { pids, addresses } = await master.event('onMasterReady');
    const atStart = inventory(master);
    expect(atStart).toMatchObject({ children: WORKERS, zombies: 0 });

    const warm = await kill(master, pids, WARM_UP);
    const before = await memoryInUse(master);
    const living = await kill(master, warm, KILLS - WARM_UP);
    const after = await memoryInUse(master);

    expect(inventory(master)).toEqual(atStart);
    expect(after - before, `resident memory ${before} -> ${after} bytes`).toBeLessThan(TOLERANCE);
    expect(new Set(master.workers())).toEqual(new Set(living));
    const client = await connectRaw({ port: addresses[0].port });
    expect(living).toContain(Number(await client.until('\n')));
    client.close();
    expect((await master.call('status'))['recoveries']).toBe(KILLS);
    expect(master.events('onChildRecover')).toHaveLength(KILLS);
    master.kill('SIGTERM');
    expect((await overAndClean(master)).exit).toEqual({ code: 0, signal: null });
  },
  patience(300_000),
);
