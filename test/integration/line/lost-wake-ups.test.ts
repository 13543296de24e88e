import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { connect } from '../../helpers/greetings.js';
import { commandWorks, eventually } from '../../helpers/index.js';
import { median } from '../../helpers/keeping-clients.js';
import { isLinux, testWhen } from '../../helpers/skip.js';
import { FAMILIES, type Family, type StandingFleet, startStanding, untilAsleep } from '../../helpers/standing-fleet.js';

/**
 * Milliseconds from connect(2) until another worker answers: about 75 where there is a CPU to spare. On a machine that is overloaded a few
 * answers take longer, and still less than it takes the one that was woken to come back, if it does; one in ten may take longer still.
 */
const USUALLY = 150;
const ALWAYS = 400;
const test = testWhen(isLinux && commandWorks('python3', '--version'), 'needs Linux and python3');

const TRIALS = 30;
const SPARE = 8;
/** Each takes a second. */
const STARVED = 5;

/** The longest, but for one in ten, which waited for a CPU. */
function nearlyAll(waited: readonly number[]): number {
  return waited.toSorted((a, b) => b - a)[Math.ceil(waited.length / 10)] as number;
}

/** So many processes at the head of the line that do not come when they are woken. */
async function behindStandIns(
  family: Family,
  how: string,
): Promise<StandingFleet & { readonly workers: readonly number[] }> {
  const fleet = await startStanding({ family, options: { workers: 2 } });
  const { master, pids } = fleet;
  await master.call('sendTo', pids[0], { standIns: [how, String(TRIALS)] });
  await master.event('entered');
  // Workers go to the end of the line when another one joins.
  await master.call('scale', 3);
  return { ...fleet, workers: await master.call('pids') };
}

for (const family of FAMILIES) {
  for (const [how, does] of [
    ['sleep', 'does nothing for half a second'],
    ['die', 'is killed'],
  ] as const) {
    test(
      `A3a a connection whose worker was woken and ${does} is answered by another one within 150 ms (${family}, ${TRIALS} times)`,
      async () => {
        const { master, target, workers } = await behindStandIns(family, how);
        const waited: number[] = [];
        for (let i = 0; i < TRIALS + SPARE && waited.length < TRIALS; i++) {
          // A worker that is awake looks by itself: on a machine that is overloaded it may be so after all, and that is no trial.
          await untilAsleep(workers, i === 0 ? 100 : 10);
          const before = master.events('woken').length;
          const { outcome, ms, socket } = await connect(target, 10_000);
          socket.destroy();
          expect(outcome).toBe('greeted');
          // The kernel wakes the next one each time. One that comes back while a client waits hears of it as well.
          const woken = eventually(() => master.events('woken').length > before, { within: 2_000 });
          if (await woken.catch(() => false)) waited.push(ms);
        }
        expect(waited).toHaveLength(TRIALS);
        expect(median(waited)).toBeLessThan(USUALLY);
        expect(nearlyAll(waited)).toBeLessThan(ALWAYS);
        // No other worker was there for it at once.
        expect(median(waited)).toBeGreaterThan(30);
      },
      // The worker that comes in the place of another one needs a CPU as well.
      { retry: 2 },
    );
  }
}

/** The state of the worker at the head of the line. */
async function headOf({ target }: StandingFleet): Promise<number> {
  for (;;) {
    const { pid, ms, socket } = await connect(target, 10_000);
    socket.destroy();
    // A later answer may be of another worker, which the master asked to look: the first one got no CPU.
    if (ms < 30) return pid;
    await delay(50);
  }
}

function connectToStarved({ target }: StandingFleet, head: number, kill: number): { ms: number; pid: number } {
  const fixture = fileURLToPath(new URL('../../fixtures/starves.py', import.meta.url));
  const where = String(target.socketPath ?? target.port);
  return JSON.parse(
    execFileSync('python3', [fixture, String(head), String(kill), where], { encoding: 'utf8', timeout: 60_000 }),
  );
}

const testStarved = testWhen(
  isLinux && cpus().length > 1 && commandWorks('chrt', '-f', '1', 'taskset', '-c', '0', 'python3', '--version'),
  'needs Linux, python3, two CPUs and CAP_SYS_NICE',
);

for (const family of FAMILIES) {
  for (const [kill, what] of [
    [-1, 'gets no CPU for 0.45 s'],
    [20, 'gets no CPU, and is killed'],
  ] as const) {
    testStarved(
      `A3b a connection whose worker ${what} is answered by another one within 150 ms (${family})`,
      async () => {
        const options = { workers: 3, recoverThreshold: 1_000, recoverInterval: 0 };
        // Every worker but the one that starves is on the first CPU.
        const fleet = await startStanding({ family, options }, { wrapper: ['taskset', '-c', '0'] });
        const waited: number[] = [];
        for (let i = 0; i < STARVED; i++) {
          const before: number[] = await fleet.master.call('pids');
          await untilAsleep(before, 100);
          const head = await headOf(fleet);
          await untilAsleep(before, 20);
          const { ms, pid } = connectToStarved(fleet, head, kill);
          waited.push(ms);
          expect(pid).not.toBe(head);
          expect(before).toContain(pid);
          if (kill >= 0) await fleet.master.event('onChildRecover', { where: ({ oldPid }) => oldPid === head });
        }
        expect(median(waited)).toBeLessThan(USUALLY);
        expect(nearlyAll(waited)).toBeLessThan(ALWAYS);
        expect(Math.min(...waited)).toBeGreaterThan(15);
      },
      // Master, rescuer and client share the first CPU with whatever else runs on the machine.
      { timeout: 120_000, retry: 2 },
    );
  }
}
