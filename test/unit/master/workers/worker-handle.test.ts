import { expect, onTestFinished, test, vi } from 'vitest';
import { WorkerHandle } from '../../../../lib/master/workers/worker-handle.js';
import type { MasterMessage, WorkerMessage } from '../../../../lib/protocol/protocol.cjs';
import type { WorkerProcess } from '../../../../lib/system/system.js';

interface Attached {
  readonly handle: WorkerHandle;
  readonly answers: readonly WorkerMessage[];
  readonly sent: string[];
  /** To drain. */
  readonly orders: readonly MasterMessage[];
  readonly signals: NodeJS.Signals[];
  readonly troubles: readonly string[];
  /** How often it was told that the channel is closed. */
  readonly cuts: () => number;
  /** From now on nothing that is sent arrives. */
  closeChannel(): void;
}

interface How {
  /** The master may not signal it. */
  readonly refuses?: boolean;
  /** Before the process is known. */
  before?(handle: WorkerHandle): void;
  readonly now?: () => number;
}

function attached({ refuses = false, before, now = () => 0 }: How = {}): Attached {
  const sent: string[] = [];
  const orders: MasterMessage[] = [];
  const troubles: string[] = [];
  const signals: NodeJS.Signals[] = [];
  const answers: WorkerMessage[] = [];
  let open = true;
  let cuts = 0;
  const process: WorkerProcess = {
    pid: 4711,
    send: (message) => {
      if (open) sent.push(message.type);
      if (message.type === 'drain') orders.push(message);
      return open;
    },
    adopt: () => open,
    kill: (signal) => {
      if (refuses) throw new Error('kill EPERM');
      return signals.push(signal) > 0;
    },
    letGo: () => {},
  };
  const closeChannel = (): void => {
    open = false;
  };
  const handle = new WorkerHandle({ slot: 0, generation: 0 }, now, {
    ready: () => {},
    draining: () => {},
    hear: (message) => {
      if (message.type === 'answered') answers.push(message);
    },
    trouble: (what) => void troubles.push(what),
    cut: () => void cuts++,
    exit: () => {},
  });
  before?.(handle);
  handle.attach(process, { type: 'init', listeners: [] });
  sent.length = 0;
  return { handle, answers, sent, orders, signals, troubles, cuts: () => cuts, closeChannel };
}

test('a ready worker is asked to drain on its channel, and gets no signal', () => {
  const { handle, sent, signals } = attached();
  handle.message({ type: 'became-ready', pid: 4711 });
  handle.drain('stop', 100);
  expect({ sent, signals, state: handle.state }).toEqual({ sent: ['drain'], signals: [], state: 'draining' });
});

test('a worker that is still booting gets SIGTERM', () => {
  const { handle, sent, signals } = attached();
  handle.drain('stop', 100);
  expect({ sent, signals }).toEqual({ sent: [], signals: ['SIGTERM'] });
});

test('a worker that becomes ready although it got SIGTERM is asked again on its channel, with the time that is left', () => {
  let now = 1_000;
  const { handle, orders, sent, signals } = attached({ now: () => now });
  handle.drain('replace', 30_000);
  handle.drain('stop', 100, true);
  now += 60;
  handle.message({ type: 'became-ready', pid: 4711 });
  expect({ sent, signals, state: handle.state }).toEqual({
    sent: ['drain'],
    signals: ['SIGTERM', 'SIGTERM'],
    state: 'draining',
  });
  expect(orders).toMatchObject([{ type: 'drain', reason: 'stop', timeout: 40, sealed: true }]);
});

test('W1 a worker that drains because of a signal from outside gets the deadline as well', () => {
  const { handle, sent, signals } = attached();
  handle.message({ type: 'became-ready', pid: 4711 });
  handle.message({ type: 'began-draining', signal: 'SIGTERM' });
  handle.drain('stop', 100);
  expect({ sent, signals, requested: handle.life.requested }).toEqual({
    sent: ['drain'],
    signals: [],
    requested: true,
  });
});

test('W1 a worker that has drained on such a signal, and is on its way out, is not killed by a second one', () => {
  const { handle, sent, signals, closeChannel } = attached();
  handle.message({ type: 'became-ready', pid: 4711 });
  handle.message({ type: 'began-draining', signal: 'SIGTERM' });
  closeChannel();
  handle.drain('stop', 100);
  expect({ sent, signals, requested: handle.life.requested }).toEqual({ sent: [], signals: [], requested: true });
});

test('only a ready worker that speaks the protocol is pinged', () => {
  const { handle, sent, closeChannel } = attached();
  expect(handle.ping({ for: 'queue', id: 1 })).toBe(false);
  handle.message({ type: 'became-ready', pid: 4711 });
  expect(handle.ping({ for: 'queue', id: 2 })).toBe(true);
  closeChannel();
  expect(handle.ping({ for: 'queue', id: 3 })).toBe(false);
  handle.message({ type: 'began-draining', signal: 'SIGTERM' });
  expect(handle.ping({ for: 'queue', id: 4 })).toBe(false);
  expect(sent).toEqual(['ping']);
});

test("a worker that is ready because it was spawned (readiness: 'spawn') is not pinged", () => {
  const { handle, sent } = attached();
  handle.becomeReady();
  expect(handle.ping({ for: 'queue', id: 1 })).toBe(false);
  expect(sent).toEqual([]);
});

test('the handle passes the answer to a ping on with the reason of the ping', () => {
  const { handle, answers } = attached();
  handle.message({ type: 'became-ready', pid: 4711 });
  handle.message({ type: 'answered', for: 'queue', id: 7 });
  handle.message({ type: 'answered', for: 'liveness', inspector: 9_230 });
  expect(answers).toEqual([
    { type: 'answered', for: 'queue', id: 7 },
    { type: 'answered', for: 'liveness', inspector: 9_230 },
  ]);
});

test('a signal that may not be sent is an error that is returned and reported, never thrown, and the drain that it was for goes on', () => {
  const refused = attached({ refuses: true });
  expect(refused.handle.kill('SIGKILL')).toMatchObject({ message: 'kill EPERM' });
  refused.handle.drain('stop', 100);
  expect(refused.handle.state).toBe('draining');
  expect(refused.troubles.map((what) => what.slice(0, 42))).toEqual([
    'cannot be sent SIGKILL: Error: kill EPERM;',
    'cannot be sent SIGTERM: Error: kill EPERM;',
  ]);
});

test('a worker that breaks the protocol is killed and named once, also when that is noticed while it is being spawned', () => {
  const { handle, signals, troubles } = attached();
  handle.broke('{"type":"x"}');
  handle.broke('again');
  expect(signals).toEqual(['SIGKILL']);
  expect(handle.life.killedBecause).toBe('broke the protocol of the control channel');
  expect(handle.life.requested).toBe(false);
  expect(troubles).toEqual(['broke the protocol of the control channel and is killed; it said "{\\"type\\":\\"x\\"}"']);
  const early = attached({ before: (worker) => worker.broke('x') });
  expect(early.signals).toEqual(['SIGKILL']);
});

test('only the first ready counts, whatever pid a later one says, and none of a worker that is being killed', () => {
  const { handle } = attached();
  handle.message({ type: 'became-ready', pid: 4711 });
  handle.message({ type: 'became-ready', pid: process.pid });
  expect(handle.servingPid).toBe(4711);
  const killed = attached();
  killed.handle.killFor('was not ready within 10 ms');
  killed.handle.message({ type: 'became-ready', pid: 4711 });
  expect(killed.handle.state).toBe('starting');
});

test('users get false while nothing in the worker hears their messages; the protocol goes on', () => {
  const { handle, sent } = attached();
  handle.message({ type: 'became-ready', pid: 4711 });
  expect(handle.send(1)).toBe(true);
  handle.message({ type: 'changed-hearing', messages: false });
  expect([handle.send(2), handle.ping({ for: 'queue', id: 1 })]).toEqual([false, true]);
  handle.message({ type: 'changed-hearing', messages: true });
  expect(handle.send(3)).toBe(true);
  expect(sent).toEqual(['message', 'ping', 'message']);
});

test('a worker was started when its process came to be, however long the master tried before', () => {
  vi.useFakeTimers({ toFake: ['Date'], now: 1_000 });
  onTestFinished(() => void vi.useRealTimers());
  const { handle } = attached({ before: () => vi.setSystemTime(9_000) });
  expect(handle.info.startedAt).toEqual(new Date(9_000));
});

test('N10t a worker that closes its channel before it is ready is killed, and named', () => {
  const { handle, cuts, signals, troubles } = attached();
  handle.cut();
  expect(cuts()).toBe(1);
  handle.deaf();
  expect({ signals, troubles }).toEqual({
    signals: ['SIGKILL'],
    troubles: ['closed its control channel before it was ready, and is killed'],
  });
});

test('the channel of an attempt that failed says nothing about the worker that comes after it', () => {
  const { cuts } = attached({ before: (handle) => handle.cut() });
  expect(cuts()).toBe(0);
});

test('a worker that is asked to end while it boots may close its channel, and is not killed for it', () => {
  const { handle, cuts } = attached();
  handle.drain('stop', 100);
  handle.cut();
  expect(cuts()).toBe(0);
});
