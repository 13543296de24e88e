import { connect } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { isLinux } from '../../../lib/addon/narrow.cjs';
import type { NativeBoard } from '../../../lib/addon/native.cjs';
import { Listeners, type Member } from '../../../lib/cluster/listeners.js';
import { deferred } from '../../../lib/common/deferred.js';
import { native } from '../../helpers/addon.js';
import { eventually } from '../../helpers/index.js';

const ANY_PORT = { kind: 'tcp', host: '127.0.0.1', port: 0, index: 0, ipv6Only: false } as const;

class Worker implements Member {
  readonly place = { slot: 0, generation: 0 };
  state = 'starting';
  readonly #gone = deferred();
  readonly gone = this.#gone.promise;
  /** Of what it was given. */
  port: number | undefined;

  reply(_id: number, text: string): 'sent' {
    this.port = JSON.parse(text).listener.port;
    return 'sent';
  }

  lease: Member['lease'] = (listener) => listener;
  look(): void {}
  stop(): void {}

  die(): void {
    this.state = 'exited';
    this.#gone.resolve();
  }
}

/** A primary, by a clock that the test moves, and the port of its worker, which has died. */
async function bereaved() {
  const { listeners, over } = primary();
  const workers: Worker[] = [];
  const fork = (): Worker => {
    const worker = new Worker();
    listeners.join(worker);
    workers.push(worker);
    return worker;
  };
  const end = (worker: Worker, asked: boolean): void => {
    worker.die();
    listeners.left(worker, asked);
    listeners.gone(worker, undefined);
  };
  const want = async (worker: Worker): Promise<number> => {
    listeners.hear(worker, { type: 'wants-listener', id: 1, want: ANY_PORT });
    return await eventually(() => worker.port, { what: 'the worker is given a listener' });
  };
  const first = fork();
  const port = await want(first);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  onTestFinished(() => {
    for (const worker of workers) end(worker, true);
    vi.useRealTimers();
    over();
  });
  end(first, false);
  return { fork, want, port };
}

/** What a primary has until its process ends. */
function primary() {
  const exits = process.listeners('exit');
  const boards: NativeBoard[] = [];
  if (isLinux(native)) {
    const { makeBoard } = native;
    const spy = vi.spyOn(native, 'makeBoard').mockImplementation(() => {
      const board = makeBoard();
      boards.push(board);
      return board;
    });
    onTestFinished(() => spy.mockRestore());
  }
  const listeners = new Listeners();
  const over = (): void => {
    for (const one of process.listeners('exit')) if (!exits.includes(one)) process.off('exit', one);
    for (const board of boards) board.close();
  };
  return { listeners, over };
}

/** Seconds. The timers of a primary come two turns of the event loop behind their time. */
async function pass(seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    vi.advanceTimersByTime(1_000);
    for (let turns = 0; turns < 5; turns++) await turn();
  }
}

/** Whether clients get in. */
async function isOpen(port: number): Promise<boolean> {
  const client = connect(port, '127.0.0.1');
  try {
    return await new Promise((resolve) => {
      client.once('connect', () => resolve(true));
      client.once('error', () => resolve(false));
    });
  } finally {
    client.destroy();
  }
}

test('an address whose last worker has died waits 5 s for the next worker', async () => {
  const { port } = await bereaved();
  await pass(4);
  expect(await isOpen(port)).toBe(true);
  await pass(1);
  expect(await isOpen(port)).toBe(false);
});

test('an address whose last worker has died waits for one that boots', async () => {
  const { fork, want, port } = await bereaved();
  const next = fork();
  await pass(20);
  expect(await isOpen(port)).toBe(true);
  expect(await want(next)).toBe(port);
  await pass(60);
  expect(await isOpen(port)).toBe(true);
});

test('an address whose last worker has died waits 35 s at the most, although others are forked meanwhile and boot', async () => {
  const { fork, port } = await bereaved();
  for (let second = 0; second < 34; second++) {
    if (second % 10 === 0) fork();
    await pass(1);
  }
  expect(await isOpen(port)).toBe(true);
  await pass(1);
  expect(await isOpen(port)).toBe(false);
});
