import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import { connect, type Greeting } from '../../helpers/greetings.js';
import { sendSignal } from '../../helpers/index.js';
import { testOnLinux as test } from '../../helpers/skip.js';
import { FAMILIES, startStanding } from '../../helpers/standing-fleet.js';

/** Milliseconds. */
const LASTS = 10_000;
const STOPPED_FOR = 300;
/** A connection that waits for the next one waits for ever here: the clients are few, and each waits for its answer. */
const AT_MOST = 8_000;

/** When a process was killed or stopped, on the clock of performance.now(). */
interface Wound {
  readonly pid: number;
  readonly from: number;
  readonly to: number;
}

for (const family of FAMILIES) {
  test(`A4 no client waits for the next connection while workers are killed, reloaded, scaled and stopped at random (${family})`, async () => {
    const options = { recoverThreshold: 1_000, recoverInterval: 0 };
    const { master, target } = await startStanding({ family, options });
    const end = performance.now() + LASTS;
    const wounds: Wound[] = [];
    const random = (below: number): number => Math.floor(Math.random() * below);
    const wound = async (signal: 'SIGKILL' | 'SIGSTOP'): Promise<void> => {
      const pids: number[] = await master.call('pids');
      const pid = pids[random(pids.length)];
      // One worker has to be left to answer.
      if (pid === undefined || pids.length < 2) return;
      const from = performance.now();
      wounds.push({ pid, from, to: from + STOPPED_FOR + 100 });
      sendSignal(pid, signal);
      if (signal === 'SIGKILL') return;
      await delay(STOPPED_FOR);
      try {
        sendSignal(pid, 'SIGCONT');
      } catch {
        // A reload has ended it.
      }
    };
    const disturb = async (...acts: readonly (() => Promise<unknown>)[]): Promise<void> => {
      while (performance.now() < end) {
        // A reload may fail because of a kill.
        await acts[random(acts.length)]?.().catch(() => {});
        await delay(random(300));
      }
    };
    const seen: (Greeting & { readonly from: number })[] = [];
    const client = async (): Promise<void> => {
      while (performance.now() < end) {
        const from = performance.now();
        const greeting = await connect(target, 15_000);
        greeting.socket.destroy();
        seen.push({ ...greeting, from });
        await delay(random(40));
      }
    };
    await Promise.all([
      disturb(
        () => wound('SIGKILL'),
        () => wound('SIGSTOP'),
      ),
      disturb(
        () => master.call('reload'),
        () => master.call('scale', 2 + random(4)),
      ),
      client(),
      client(),
      client(),
    ]);
    const late = seen.filter(({ outcome, pid, ms, from }) => {
      if (outcome === 'greeted' && ms < AT_MOST) return false;
      // Its own worker was killed or stopped meanwhile: a client without a greeting cannot say which one that is.
      return !wounds.some((one) => (pid === 0 || pid === one.pid) && one.from < from + ms && one.to > from);
    });
    expect(late.map(({ outcome, pid, ms }) => ({ outcome, pid, ms }))).toEqual([]);
    expect(seen.length).toBeGreaterThan(100);
  }, 60_000);
}
