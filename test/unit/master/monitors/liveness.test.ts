import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { deferred } from '../../../../lib/common/deferred.js';
import { after } from '../../../../lib/common/timers.js';
import type { WatchedWorker } from '../../../../lib/master/monitors/liveness.js';
import { Liveness } from '../../../../lib/master/monitors/liveness.js';
import type { InspectorPort, ListeningAddress } from '../../../../lib/protocol/protocol.cjs';
import type { BlockedStack } from '../../../../lib/system/system.js';
import type { WorkerState } from '../../../../lib/types.js';
import { hastyFleet } from '../../../helpers/fake-fleet.js';
import { FakeSystem, settle } from '../../../helpers/fake-system.js';

const TIMEOUT = 4_000;
const STACK: BlockedStack = { stack: '    at spin (/app/cart.js:6:27)' };
const OPENED = { before: [{ host: '127.0.0.1', port: 9_230 }] };

/** Answers pings at once, until the test says otherwise. */
class Worker implements WatchedWorker {
  state: WorkerState = 'ready';
  killedBecause: string | undefined;
  answers = true;
  mayNotBeKilled = false;
  readonly closedBut: (readonly ListeningAddress[])[] = [];
  inspector: number | undefined;
  pings = 0;
  readonly signals: string[] = [];
  answer = (): void => {};

  ping(): boolean {
    this.pings++;
    if (this.answers) queueMicrotask(this.answer);
    return true;
  }

  killFor(because: string): boolean | Error {
    this.killedBecause = because;
    if (this.mayNotBeKilled) return new Error('kill EPERM');
    this.signals.push('SIGKILL');
    return true;
  }

  spare(): void {
    this.killedBecause = undefined;
  }

  closeInspector(before: readonly ListeningAddress[]): void {
    this.closedBut.push(before);
  }

  readonly info = { slot: 0, pid: 2000, generation: 0 };

  toString(): string {
    return 'worker 0 (pid 2000, generation 0)';
  }
}

function watch({
  examine = async () => STACK,
  system = new FakeSystem(),
}: {
  examine?: () => Promise<BlockedStack>;
  system?: FakeSystem;
} = {}) {
  const worker = new Worker();
  const lines: string[] = [];
  const examined: (InspectorPort | undefined)[] = [];
  const liveness = new Liveness<Worker>({
    timeout: TIMEOUT,
    system,
    log: { info: (line) => lines.push(line), warn: (line) => lines.push(line), error: (line) => lines.push(line) },
    workers: [worker],
    examine: async (_worker, inspector) => {
      examined.push(inspector);
      return await examine();
    },
  });
  worker.answer = () => liveness.answered(worker, worker.inspector);
  liveness.start();
  return { system, worker, lines, examined, liveness };
}

test('a worker that answers is left alone, and costs two pings in a timeout', async () => {
  const { system, worker, lines, examined } = watch();
  await system.advance(10 * TIMEOUT);
  expect({ signals: worker.signals, lines, examined, pings: worker.pings }).toEqual({
    signals: [],
    lines: [],
    examined: [],
    pings: 20,
  });
  expect(system.pendingTimers).toBe(1);
});

test('a worker that stops answering is killed after one to one and a half timeouts, with its stack in the log', async () => {
  // Just before a ping, and just after its answer.
  for (const [blockedAt, expected] of [
    [TIMEOUT - 1, 2 * TIMEOUT],
    [TIMEOUT + 1, 2.5 * TIMEOUT],
  ] as const) {
    const { system, worker, lines } = watch();
    await system.advance(blockedAt);
    worker.answers = false;
    await system.advance(expected - blockedAt - 1);
    expect(worker.signals).toEqual([]);
    await system.advance(1);
    expect(worker.signals).toEqual(['SIGKILL']);
    expect(worker.killedBecause).toBe('made no progress for 4.0 s');
    expect(lines).toEqual([
      'worker 0 (pid 2000, generation 0): its event loop made no progress for 4.0 s, so it is killed; JavaScript stack:\n' +
        '    at spin (/app/cart.js:6:27)',
    ]);
  }
});

test('without a stack the log says why', async () => {
  const { system, worker, lines } = watch({ examine: async () => ({ unavailable: 'in native code' }) });
  worker.answers = false;
  await system.advance(2 * TIMEOUT);
  expect(lines[0]).toMatch(/; JavaScript stack: in native code$/);
});

test('a worker that is killed and does not end, in an uninterruptible sleep, is killed once', async () => {
  const { system, worker, lines } = watch();
  worker.answers = false;
  await system.advance(10 * TIMEOUT);
  expect({ signals: worker.signals, lines: lines.length }).toEqual({ signals: ['SIGKILL'], lines: 1 });
});

test('a worker that answers late, again and again, is busy and not blocked', async () => {
  const { system, worker, examined } = watch();
  worker.answers = false;
  for (let i = 0; i < 20; i++) {
    await system.advance(0.9 * TIMEOUT);
    worker.answer();
  }
  expect({ signals: worker.signals, examined }).toEqual({ signals: [], examined: [] });
});

/** Both ends of a connection, in this process. */
async function pipe(): Promise<[Socket, Socket]> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [socket] = (await once(server, 'connection')) as [Socket];
  onTestFinished(() => {
    client.destroy();
    socket.destroy();
    server.close();
  });
  return [client, socket];
}

test('an answer that waits to be read when the time is over counts', async () => {
  const [ofWorker, ofMaster] = await pipe();
  // The timers are those of a real master, a hundred times as fast. The clock stands still: to the watch no turn is late.
  const system = new FakeSystem();
  const over = deferred();
  let turns = 0;
  /** The master gets no CPU until the next turn of the watch is due, which would be the last one. */
  const answerLate = (): void => {
    ofWorker.write('!');
    for (const until = performance.now() + TIMEOUT / 100; performance.now() < until; );
  };
  system.after = (ms, action) =>
    after(ms / 100, () => {
      action();
      // Behind the timers of this turn of the event loop, ahead of those of the next one.
      if (++turns === 2) setImmediate(answerLate);
      else if (turns === 3) over.resolve();
    });
  const { worker, examined, liveness } = watch({ system });
  worker.answers = false;
  ofMaster.once('data', worker.answer);
  await over.promise;
  liveness.end();
  expect({ signals: worker.signals, examined, pings: worker.pings }).toEqual({ signals: [], examined: [], pings: 2 });
});

test('time in which the master itself did not run does not count', async () => {
  const { system, worker } = watch();
  worker.answers = false;
  await system.advance(TIMEOUT);
  for (let i = 0; i < 5; i++) {
    system.freeze(10 * TIMEOUT);
    await system.advance(0);
  }
  expect(worker.signals).toEqual([]);
  await system.advance(TIMEOUT / 2);
  expect(worker.signals).toEqual(['SIGKILL']);
});

test('only ready workers are watched', async () => {
  const { system, worker } = watch();
  worker.answers = false;
  worker.state = 'starting';
  await system.advance(3 * TIMEOUT);
  worker.state = 'draining';
  await system.advance(3 * TIMEOUT);
  expect({ signals: worker.signals, pings: worker.pings }).toEqual({ signals: [], pings: 0 });
});

test('a worker that began to drain while it was examined is left to its deadline, and closes an inspector that the question opened', async () => {
  for (const [answer, closed] of [
    [{ ...STACK, opened: OPENED }, [OPENED.before]],
    [{ unavailable: 'in native code', opened: OPENED }, [OPENED.before]],
    [STACK, []],
    [{ debugged: true }, []],
  ] as const) {
    let found = (_stack: BlockedStack): void => {};
    const { system, worker } = watch({
      examine: () =>
        new Promise((resolve) => {
          found = resolve;
        }),
    });
    worker.answers = false;
    await system.advance(2 * TIMEOUT);
    worker.state = 'draining';
    found(answer);
    await settle();
    expect({ signals: worker.signals, closed: worker.closedBut }).toEqual({ signals: [], closed });
  }
});

test('a worker that is examined as the fleet ends closes an inspector that the question opened', async () => {
  let found = (_stack: BlockedStack): void => {};
  const { system, worker, liveness } = watch({
    examine: () =>
      new Promise((resolve) => {
        found = resolve;
      }),
  });
  worker.answers = false;
  await system.advance(2 * TIMEOUT);
  liveness.end();
  found({ ...STACK, opened: OPENED });
  await settle();
  expect({ signals: worker.signals, closed: worker.closedBut }).toEqual({ signals: [], closed: [OPENED.before] });
});

test('a worker under a debugger is exempt as long as that is connected, and the log says so once', async () => {
  let found: BlockedStack = { debugged: true };
  const { system, worker, lines, examined } = watch({ examine: async () => found });
  worker.inspector = 9_230;
  await system.advance(TIMEOUT);
  worker.answers = false;
  await system.advance(10 * TIMEOUT);
  expect({ signals: worker.signals, lines: lines.length }).toEqual({ signals: [], lines: 1 });
  expect(examined[0]).toBe(9_230);
  expect(lines[0]).toContain('a debugger is connected, so it is left alone');
  found = STACK;
  await system.advance(TIMEOUT);
  expect(worker.signals).toEqual(['SIGKILL']);
});

test('a worker that the master may not signal is not taken for killed, and closes an inspector that the question opened', async () => {
  const { system, worker, lines } = watch({ examine: async () => ({ ...STACK, opened: OPENED }) });
  worker.mayNotBeKilled = true;
  worker.answers = false;
  await system.advance(2 * TIMEOUT);
  expect({ killed: worker.killedBecause, closed: worker.closedBut }).toEqual({
    killed: undefined,
    closed: [OPENED.before],
  });
  // Its handle reports why the signal could not be sent.
  expect(lines).toHaveLength(1);
});

test('after the end nothing is pinged, examined or killed, and no timer is left', async () => {
  const { system, worker, liveness } = watch();
  worker.answers = false;
  await system.advance(TIMEOUT);
  liveness.end();
  await system.advance(10 * TIMEOUT);
  expect({ signals: worker.signals, pings: worker.pings, timers: system.pendingTimers }).toEqual({
    signals: [],
    pings: 1,
    timers: 0,
  });
});

test('the system asks a blocked worker for its stack, and is given the port that the worker has reported, and those of the fleet', async () => {
  const { system, log, started } = hastyFleet({ workers: 1, livenessTimeout: TIMEOUT });
  system.stack = STACK;
  await started;
  const [worker] = system.workers;
  if (worker === undefined) throw new Error('no worker was started');
  worker.events.message({ type: 'answered', for: 'liveness', inspector: 9_230 });
  worker.behaviour.blocked = true;
  await system.advance(2 * TIMEOUT);
  expect(system.askedForStack).toEqual([{ pid: worker.pid, inspector: 9_230, servedPorts: new Set([8_080]) }]);
  expect(log.join('\n')).toContain('so it is killed; JavaScript stack:\n    at spin (/app/cart.js:6:27)');
});
