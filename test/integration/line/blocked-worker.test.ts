import { expect } from 'vitest';
import { connect, type Greeting } from '../../helpers/greetings.js';
import { testOnLinux as test } from '../../helpers/skip.js';
import { FAMILIES, startStanding } from '../../helpers/standing-fleet.js';

/** Milliseconds for which a worker is blocked, more than a burst and what comes one by one take together. */
const BLOCKED = 30_000;
/**
 * A connection that waits for the blocked worker waits for the rest of that. Without other load the last of the burst waits for less
 * than 100 ms; a machine of CI that has no CPU to spare for a moment gets some patience.
 */
const AT_MOST = 12_000;

for (const family of FAMILIES) {
  test(`A5 while one of four workers is blocked for 30 s a burst of 200 connections and 50 one by one are answered by the others in time (${family})`, async () => {
    const { master, pids, target } = await startStanding({ family });
    const [blocked] = pids as [number];
    // Client and workers have compiled what they need.
    for (let i = 0; i < 3; i++) await Promise.all(Array.from({ length: 100 }, () => greeted()));
    await master.call('sendTo', blocked, { block: BLOCKED });
    await master.event('blocked');
    const since = performance.now();
    const answers = await Promise.all(Array.from({ length: 200 }, () => greeted()));
    for (let i = 0; i < 50; i++) answers.push(await greeted());
    expect(performance.now() - since).toBeLessThan(BLOCKED);
    expect(new Set(answers.map(({ outcome }) => outcome))).toEqual(new Set(['greeted']));
    expect(answers.map(({ pid }) => pid)).not.toContain(blocked);
    expect(Math.max(...answers.map(({ ms }) => ms))).toBeLessThan(AT_MOST);

    async function greeted(): Promise<Greeting> {
      const greeting = await connect(target, 2 * BLOCKED);
      greeting.socket.destroy();
      return greeting;
    }
  });
}
