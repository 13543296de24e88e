// A worker without descriptors: it opens all that it can get, for two seconds, while clients make a connection for every request.
import { setTimeout as delay } from 'node:timers/promises';

/** Milliseconds that a worker is short of descriptors, and then well. */
const [SHORT, WELL] = [2_000, 300];

export const descriptors = {
  name: 'out of descriptors',
  count: 6,
  least: 2,
  run: shortages,
  // Enough for everything but a leak.
  descriptors: 256,
  clients: [
    { mode: 'per-request', concurrency: 8, pause: 20 },
    { mode: 'per-request', concurrency: 1, pause: 5 },
  ],
};

async function shortages({ fleet, random, turns }) {
  while (turns.next()) {
    const pid = random.of(await fleet.call('workers'));
    await fleet.call('sendTo', pid, { leak: true });
    await delay(SHORT);
    await fleet.call('sendTo', pid, { leak: false });
    await delay(WELL);
  }
}
