import { expect, test } from 'vitest';
import { connect, type Greeting, outcomes } from '../../helpers/greetings.js';
import { eventually } from '../../helpers/index.js';
import { type LimitedFleet, optionsOf, startLimited, WAYS } from '../../helpers/limited.js';
import { eachSharing } from '../../helpers/sharing.js';

/** Opens connections one by one, `pause` ms apart, and keeps them. */
async function hold({ target }: Pick<LimitedFleet, 'target'>, count: number, pause: number): Promise<Greeting[]> {
  const held: Promise<Greeting>[] = [];
  for (let i = 0; i < count; i++) {
    held.push(connect(target, 15_000));
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  return await Promise.all(held);
}

function close(greetings: readonly Greeting[]): void {
  for (const { socket } of greetings) socket.destroy();
}

/** The state of a connection that waits for a place, until it has one. */
async function waiting(fleet: LimitedFleet): Promise<Greeting> {
  const greeting = await connect(fleet.target, 300);
  expect(greeting.outcome).toBe('waits');
  return greeting;
}

async function greetedLate({ socket }: Greeting): Promise<void> {
  await eventually(() => socket.bytesRead > 0, { what: 'who waited is greeted' });
}

eachSharing(WAYS)(
  'N4g at maxConnections a worker leaves new connections to the others: 10 places of 2 workers take 10 connections, all at once or one by one, and the next waits for a place ($sharing, $over)',
  async (way) => {
    const fleet = await startLimited({ options: optionsOf(way), maxConnections: 5 });
    for (const pause of [0, 5, 60]) {
      const held = await hold(fleet, 10, pause);
      expect(outcomes(held)).toEqual({ greeted: 10 });
      for (const worker of fleet.pids) expect(held.filter(({ pid }) => pid === worker)).toHaveLength(5);
      const late = await waiting(fleet);
      held[3]?.socket.destroy();
      await greetedLate(late);
      close([...held, late]);
      await eventually(() => late.socket.destroyed, { what: 'all are closed' });
    }
    expect(fleet.master.events('dropped')).toEqual([]);
  },
);

eachSharing(WAYS)(
  'N4h maxConnections may change while the worker runs: 0, more, Infinity and none at all ($sharing, $over)',
  async (way) => {
    const fleet = await startLimited({ options: { ...optionsOf(way), workers: 1 }, maxConnections: 2 });
    const [pid] = fleet.pids as [number];
    const held = await hold(fleet, 2, 0);
    expect(outcomes(held)).toEqual({ greeted: 2 });
    for (const maxConnections of [3, 4]) {
      const late = await waiting(fleet);
      await fleet.order(pid, { set: { maxConnections } });
      await greetedLate(late);
      held.push(late);
    }
    await fleet.order(pid, { set: { maxConnections: 0 } });
    close(held.splice(0));
    const late = await waiting(fleet);
    // JSON has no Infinity and no undefined: null is none to Node as well.
    await fleet.order(pid, { set: { maxConnections: null } });
    await greetedLate(late);
    held.push(late, ...(await hold(fleet, 5, 0)));
    expect(outcomes(held.slice(1))).toEqual({ greeted: 5 });
    await fleet.order(pid, { set: { maxConnections: 1e300 } });
    held.push(await connect(fleet.target, 15_000));
    expect(held.at(-1)?.outcome).toBe('greeted');
    close(held);
    expect(fleet.master.events('dropped')).toEqual([]);
  },
);

test('N4i a ready-made server on several addresses counts them together', async () => {
  const listen = ['127.0.0.1:0', '127.0.0.1:0', '127.0.0.1:0'];
  const fleet = await startLimited({ options: { workers: 1, listen }, maxConnections: 4, readyMade: true });
  const held: Greeting[] = [];
  for (let i = 0; i < 4; i++) held.push(await connect(fleet.targets[i % 3] ?? {}, 15_000));
  expect(outcomes(held)).toEqual({ greeted: 4 });
  const late = await Promise.all(fleet.targets.map((target) => connect(target, 300)));
  expect(outcomes(late)).toEqual({ waits: 3 });
  close(held);
  for (const greeting of late) await greetedLate(greeting);
  close(late);
  expect(fleet.master.events('dropped')).toEqual([]);
});

eachSharing(WAYS)(
  'N4j places that come and go all the time lose no client: 300 short connections, 20 at a time, over 2 workers of 3 places ($sharing, $over)',
  async (way) => {
    const fleet = await startLimited({ options: optionsOf(way), maxConnections: 3 });
    let left = 300;
    const seen: Greeting[] = [];
    const lane = async (): Promise<void> => {
      while (left-- > 0) {
        const greeting = await connect(fleet.target, 20_000);
        seen.push(greeting);
        setTimeout(() => greeting.socket.destroy(), 3);
      }
    };
    await Promise.all(Array.from({ length: 20 }, lane));
    expect(outcomes(seen)).toEqual({ greeted: 300 });
    expect(fleet.master.events('dropped')).toEqual([]);
  },
);
