import { expect, test } from 'vitest';
import { Pulse } from '../../../../lib/master/health/pulse.js';
import { Watchdog, watchdogFor } from '../../../../lib/master/health/watchdog.js';
import type { WorkerState } from '../../../../lib/types.js';
import { FakeSystem } from '../../../helpers/fake-system.js';

/** Answers at once, or not while it is blocked. */
class Beater {
  blocked = false;
  asked = 0;
  state: WorkerState = 'ready';
  readonly place: { readonly slot: number };
  heard: (worker: Beater) => void = () => {};

  constructor(slot: number) {
    this.place = { slot };
  }

  ping(): boolean {
    this.asked++;
    if (!this.blocked) queueMicrotask(() => this.heard(this));
    return true;
  }
}

function watch(count: number) {
  const system = new FakeSystem();
  const workers = Array.from({ length: count }, (_, slot) => new Beater(slot));
  const pulse = new Pulse(workers, () => system.now());
  for (const worker of workers) worker.heard = (beater) => pulse.answered(beater);
  const lines: string[] = [];
  const say = (line: string): void => void lines.push(line);
  let serves = true;
  let beats = 0;
  const fleet = { log: { info: say, warn: say, error: say }, serves: () => serves, slots: () => count, pulse };
  const dog = new Watchdog(3_000_000, system, [fleet], () => void beats++);
  dog.start();
  return {
    system,
    workers,
    lines,
    dog,
    beats: () => beats,
    stop: () => {
      serves = false;
    },
    /** How often it was fed in so many milliseconds. */
    async fed(ms: number) {
      const before = beats;
      await system.advance(ms);
      return beats - before;
    },
  };
}

test.each([
  [1, 0, true],
  [1, 1, false],
  [2, 1, true],
  [2, 2, false],
  [3, 1, true],
  [3, 2, false],
  [4, 2, true],
  [4, 3, false],
])('of %i workers %i are blocked: the watchdog is fed: %s', async (count, blocked, well) => {
  const { workers, fed, lines, dog } = watch(count);
  for (const worker of workers.slice(0, blocked)) worker.blocked = true;
  // The first question is still open.
  await fed(1_000);
  expect(await fed(5_000)).toBe(well ? 5 : 0);
  expect(lines).toHaveLength(well ? 0 : 1);
  for (const worker of workers) {
    worker.blocked = false;
    worker.heard(worker);
  }
  expect(await fed(3_000)).toBe(3);
  expect(lines).toHaveLength(well ? 0 : 2);
  dog.end();
});

test('the manager hears at once that enough workers turn again: until the next beat it may have restarted the service', async () => {
  const { workers, fed, beats, dog } = watch(2);
  for (const worker of workers) worker.blocked = true;
  await fed(5_500);
  const before = beats();
  for (const worker of workers) {
    worker.blocked = false;
    worker.heard(worker);
    dog.look();
  }
  expect(beats() - before).toBe(1);
  dog.end();
});

test('a fleet that is well is not said to be ill because another one of the program has an answer', async () => {
  const system = new FakeSystem();
  const lines: string[] = [];
  const say = (line: string): void => void lines.push(line);
  const fleetOf = (workers: readonly Beater[]) => {
    const pulse = new Pulse(workers, () => system.now());
    for (const worker of workers) worker.heard = (beater) => pulse.answered(beater);
    return { log: { info: say, warn: say, error: say }, serves: () => true, slots: () => workers.length, pulse };
  };
  const [ill, well] = [[new Beater(0)], [new Beater(0), new Beater(1)]];
  for (const worker of [...ill, ...well]) worker.blocked = true;
  const [sick, healthy] = [fleetOf(ill), fleetOf(well)];
  const dog = new Watchdog(3_000_000, system, [sick, healthy], () => {});
  dog.start();
  for (let turn = 0; turn < 5; turn++) {
    // They have just been asked, and answer one after the other.
    for (const worker of well) {
      dog.look();
      healthy.pulse.answered(worker);
    }
    await system.advance(1_000);
  }
  expect(lines).toEqual([expect.stringContaining('0 of 1 workers turn their event loop')]);
  dog.end();
});

test('a slot that no worker serves counts as one that does not turn; two workers of a slot count once', async () => {
  const { workers, fed, dog } = watch(2);
  (workers[0] as Beater).state = 'starting';
  expect(await fed(3_000)).toBe(3);
  (workers[1] as Beater).state = 'draining';
  expect(await fed(3_000)).toBe(0);
  dog.end();
});

test('a fleet that does not serve is fed without a question', async () => {
  const { workers, fed, stop, dog } = watch(1);
  stop();
  const [worker] = workers as [Beater];
  const before = worker.asked;
  worker.blocked = true;
  expect(await fed(3_000)).toBe(3);
  expect(worker.asked).toBe(before);
  dog.end();
});

test('the watchdog is for the process that WATCHDOG_PID names, and for a number of microseconds', () => {
  const lines: string[] = [];
  const log = { info: () => {}, error: () => {}, warn: (line: string) => void lines.push(line) };
  expect(watchdogFor({ WATCHDOG_USEC: '20000000' }, 5, log)).toBe(20_000_000);
  expect(watchdogFor({ WATCHDOG_USEC: '20000000', WATCHDOG_PID: '5' }, 5, log)).toBe(20_000_000);
  for (const wrong of ['0', '-1', '1.5', 'x', ''])
    expect(watchdogFor({ WATCHDOG_USEC: wrong }, 5, log)).toBeUndefined();
  expect(lines).toEqual([]);
  expect(watchdogFor({ WATCHDOG_USEC: '20000000', WATCHDOG_PID: '4' }, 5, log)).toBeUndefined();
  expect(lines).toEqual([expect.stringContaining('expects WATCHDOG=1 of pid 4')]);
});
