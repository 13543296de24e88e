import { expect, test } from 'vitest';
import { acceptRest } from '../../../../lib/worker/drain/last-call.js';

const delay = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A worker that is not full, and has time. */
const ROOM = { left: () => 30_000, full: () => false, finish: () => {}, abort: () => {} };

/** A queue in which one client arrives after so many milliseconds, and is accepted in the first turn after that. */
function arrivesIn(ms: number) {
  const there = performance.now() + ms;
  let accepted = 0;
  const queues = {
    acceptQueued: () => {
      if (performance.now() >= there) accepted = 1;
    },
    queued: () => (performance.now() >= there && accepted === 0 ? 1 : 0),
    arriving: () => (performance.now() < there ? 1 : 0),
    refuse: () => {},
  };
  return { queues, accepted: () => accepted };
}

test('N7f a client that was on the way in when the master sealed its sockets is accepted, although the word of the master came late', async () => {
  let sealed = false;
  const { queues, accepted } = arrivesIn(450);
  const over = new Promise<number>((resolve) => {
    const call = { queues, accepted, ...ROOM, sealed: () => sealed, undecided: () => !sealed };
    acceptRest(call, () => resolve(accepted()));
  });
  await delay(400); // longer than a worker accepts for those who are on the way in
  sealed = true;
  expect(await over).toBe(1);
});

// It has 250 ms for turns that take 25: this process may get no CPU for so long.
test('a client that waits in a queue that no other worker has is accepted, although the worker gives way to others for some turns', {
  retry: 2,
}, async () => {
  let accepted = 0;
  let turns = 0;
  const queues = {
    acceptQueued: () => {
      if (++turns > 4) accepted = 1;
    },
    queued: () => 1 - accepted,
    arriving: () => 0,
    refuse: () => {},
  };
  const over = new Promise<number>((resolve) => {
    const call = { queues, accepted: () => accepted, ...ROOM, sealed: () => false, undecided: () => false };
    acceptRest(call, () => resolve(accepted));
  });
  expect(await over).toBe(1);
});

test('a client that never arrives keeps no worker', async () => {
  const { queues, accepted } = arrivesIn(60_000);
  const begun = performance.now();
  await new Promise<void>((resolve) => {
    acceptRest({ ...ROOM, queues, accepted, sealed: () => true, undecided: () => false }, resolve);
  });
  expect(performance.now() - begun).toBeLessThan(30_000);
});

/** A queue in which somebody waits for a place that does not come. */
const CROWDED = { acceptQueued: () => {}, queued: () => 1, arriving: () => 0, accepted: () => 0 };

test('N7p however long the grace period is, the application of a full worker hears of the end within a second or two, and newcomers are refused', async () => {
  const begun = performance.now();
  let refused = 0;
  let over = false;
  const aborted = new Promise<number>((resolve) => {
    const queues = { ...CROWDED, refuse: () => void refused++ };
    const abort = (): void => {
      over = true;
      resolve(performance.now() - begun);
    };
    const call = { ...ROOM, queues, accepted: CROWDED.accepted, sealed: () => true, undecided: () => false };
    // Then it is not full any more, and the call ends.
    acceptRest({ ...call, left: () => 600_000, full: () => !over, abort }, () => {});
  });
  expect(await aborted).toBeLessThan(10_000);
  expect(refused).toBe(1);
});

test('what waits at a listener that the worker has no server for keeps no worker that is not full', async () => {
  const begun = performance.now();
  await new Promise<void>((resolve) => {
    const queues = { ...CROWDED, refuse: () => {} };
    acceptRest({ ...ROOM, queues, accepted: CROWDED.accepted, sealed: () => true, undecided: () => false }, resolve);
  });
  expect(performance.now() - begun).toBeLessThan(10_000);
});

test('a sealed queue is not left while it holds somebody whom no other worker takes, although this one gives way for half a second', async () => {
  const begun = performance.now();
  let accepted = 0;
  const queues = {
    acceptQueued: () => {
      if (performance.now() - begun > 600) accepted = 1;
    },
    queued: () => 1 - accepted,
    arriving: () => 0,
    refuse: () => {},
  };
  const over = new Promise<number>((resolve) => {
    const call = { ...ROOM, queues, accepted: () => accepted, sealed: () => true, undecided: () => false };
    acceptRest(call, () => resolve(accepted));
  });
  expect(await over).toBe(1);
});
