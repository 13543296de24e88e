import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import { patience } from '../../helpers/index.js';
import { KeepingClients, standardDeviation, unevenness } from '../../helpers/keeping-clients.js';
import { testOnLinux as test } from '../../helpers/skip.js';
import { FAMILIES, type Family, type StandingFleet, startStanding, untilAsleep } from '../../helpers/standing-fleet.js';

/** So many of each fleet: a worker that has misjudged its clients does so for a second. */
const ROUNDS = 5;
const FLEETS = 3;

/**
 * Whether the connections of some clients are spread within a bound in more than half of the rounds, because on a busy machine a worker may
 * get no CPU for longer than others wait for it. It is known once so many rounds are within it, or beyond it.
 */
class Majority {
  readonly #bound: number;
  readonly #within: number[] = [];
  readonly #beyond: number[] = [];
  readonly #half: number;

  /** @param rounds An odd number: the most that there are. */
  constructor(bound: number, rounds: number) {
    this.#bound = bound;
    this.#half = rounds / 2;
  }

  get known(): boolean {
    return this.#within.length > this.#half || this.#beyond.length > this.#half;
  }

  add(measured: number): void {
    (measured <= this.#bound ? this.#within : this.#beyond).push(measured);
  }

  expectWithin(): void {
    const what = `rounds within ${this.#bound}; beyond it: ${this.#beyond.join(', ')}`;
    expect(this.#within.length, what).toBeGreaterThan(this.#half);
  }
}

async function usually(
  family: Family,
  open: (clients: KeepingClients) => Promise<void>,
  measure: (held: readonly number[]) => number,
  bound: number,
): Promise<void> {
  const majority = new Majority(bound, ROUNDS * FLEETS);
  while (!majority.known) {
    const { master, pids, target } = await startStanding({ family, stays: true });
    for (let round = 0; round < ROUNDS && !majority.known; round++) {
      const clients = new KeepingClients(target);
      await open(clients);
      majority.add(measure(clients.held(pids)));
      // A worker that waits for another one while clients leave may take those for the ones that come, which so do not stay. That misjudges
      // for a second, the rounds that follow.
      await untilAsleep(pids, 50);
      clients.close();
      await untilAsleep(pids, 50);
    }
    master.kill('SIGTERM');
    await master.exit();
  }
  majority.expectWithin();
}

async function inTurn(clients: KeepingClients, count: number, pause = 0): Promise<void> {
  for (let i = 0; i < count; i++) {
    await clients.open();
    if (pause > 0) await delay(pause);
  }
}

async function readyPids({ master }: StandingFleet): Promise<readonly number[]> {
  return await master.call('pids');
}

for (const family of FAMILIES) {
  test(
    `A2a connections that stay, opened one after another, are dealt evenly to 4 workers: 400 with max/min of at most 1.1 (${family})`,
    async () => {
      await usually(family, (clients) => inTurn(clients, 400), unevenness, 1.1);
    },
    patience(240_000),
  );

  test(`A2b 240 connections that stay, opened by 8 clients at a time, are dealt to 4 workers with a standard deviation of at most 10 (${family})`, async () => {
    const open = async (clients: KeepingClients): Promise<void> => {
      await Promise.all(Array.from({ length: 8 }, () => inTurn(clients, 30, 1)));
    };
    // 0 to 4. Clients that never pause keep one of two CPUs for themselves: four workers share the other one, and all is over in 15 ms. One
    // that gets no CPU for some of these cannot take its share: 5 to 30 then.
    await usually(family, open, standardDeviation, 10);
  });

  test(`A2c after a rolling reload whose 200 clients connect again at once max/min is at most 1.5 (${family})`, async () => {
    // A worker waits for a few milliseconds for one that has less; on a busy machine that one may get no CPU for as long, once in a while.
    const fleet = await startStanding({ family, stays: true, options: { readyFor: 100 } });
    const clients = new KeepingClients(fleet.target);
    await inTurn(clients, 200);
    const majority = new Majority(1.5, ROUNDS * FLEETS);
    while (!majority.known) {
      await fleet.master.call('reload');
      const pids = await readyPids(fleet);
      await clients.settled(pids);
      const held = clients.held(pids);
      expect(held.reduce((total, count) => total + count)).toBe(200);
      majority.add(unevenness(held));
    }
    majority.expectWithin();
  }, 90_000);

  test(
    `A2d workers that join get new connections: 200 connections on 2 workers and 200 more on 4 end with max/min of at most 1.5 (${family})`,
    async () => {
      const majority = new Majority(1.5, ROUNDS);
      while (!majority.known) {
        const fleet = await startStanding({ family, stays: true, options: { workers: 2 } });
        const clients = new KeepingClients(fleet.target);
        await inTurn(clients, 200);
        await fleet.master.call('scale', 4);
        const pids = await readyPids(fleet);
        expect(pids).toHaveLength(4);
        await inTurn(clients, 200);
        majority.add(unevenness(clients.held(pids)));
        clients.close();
        fleet.master.kill('SIGTERM');
        await fleet.master.exit();
      }
      majority.expectWithin();
    },
    patience(240_000),
  );
}
