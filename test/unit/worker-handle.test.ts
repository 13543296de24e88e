import { expect, test } from 'vitest';
import type { WorkerProcess } from '../../lib/host.js';
import type { InspectorPort } from '../../lib/protocol.cjs';
import { WorkerHandle } from '../../lib/worker-handle.js';

interface Attached {
  readonly handle: WorkerHandle;
  readonly pongs: readonly [number, InspectorPort | undefined][];
  readonly sent: string[];
  readonly signals: NodeJS.Signals[];
  /** From now on nothing that is sent arrives. */
  closeChannel(): void;
}

function attached(): Attached {
  const sent: string[] = [];
  const signals: NodeJS.Signals[] = [];
  const pongs: [number, InspectorPort | undefined][] = [];
  let open = true;
  const process: WorkerProcess = {
    pid: 4711,
    send: (message) => {
      if (open) sent.push(message.type);
      return open;
    },
    adopt: () => open,
    kill: (signal) => signals.push(signal) > 0,
    letGo: () => {},
  };
  const closeChannel = (): void => {
    open = false;
  };
  const handle = new WorkerHandle({ slot: 0, generation: 0 }, () => 0, {
    ready: () => {},
    draining: () => {},
    message: () => {},
    pong: (...values) => void pongs.push(values),
    exit: () => {},
  });
  handle.attach(process, { type: 'init', listeners: [] });
  sent.length = 0;
  return { handle, pongs, sent, signals, closeChannel };
}

test('a ready worker is asked to drain on its channel, and gets no signal', () => {
  const { handle, sent, signals } = attached();
  handle.message({ type: 'ready', pid: 4711 });
  handle.drain('stop', 100);
  expect({ sent, signals, state: handle.state }).toEqual({ sent: ['drain'], signals: [], state: 'draining' });
});

test('a worker that is still booting gets SIGTERM', () => {
  const { handle, sent, signals } = attached();
  handle.drain('stop', 100);
  expect({ sent, signals }).toEqual({ sent: [], signals: ['SIGTERM'] });
});

test('W1 a worker that drains because of a signal from outside is told the deadline as well', () => {
  const { handle, sent, signals } = attached();
  handle.message({ type: 'ready', pid: 4711 });
  handle.message({ type: 'draining', signal: 'SIGTERM' });
  handle.drain('stop', 100);
  expect({ sent, signals, requested: handle.requested }).toEqual({ sent: ['drain'], signals: [], requested: true });
});

test('W1 a worker that has drained on such a signal, and is on its way out, is not killed by a second one', () => {
  const { handle, sent, signals, closeChannel } = attached();
  handle.message({ type: 'ready', pid: 4711 });
  handle.message({ type: 'draining', signal: 'SIGTERM' });
  closeChannel();
  handle.drain('stop', 100);
  expect({ sent, signals, requested: handle.requested }).toEqual({ sent: [], signals: [], requested: true });
});

test('only a ready worker that speaks the protocol is pinged', () => {
  const { handle, sent, closeChannel } = attached();
  expect(handle.ping(1)).toBe(false);
  handle.message({ type: 'ready', pid: 4711 });
  expect(handle.ping(2)).toBe(true);
  closeChannel();
  expect(handle.ping(3)).toBe(false);
  handle.message({ type: 'draining', signal: 'SIGTERM' });
  expect(handle.ping(4)).toBe(false);
  expect(sent).toEqual(['ping']);
});

test("a worker that is ready because it was spawned (readiness: 'spawn') is not pinged", () => {
  const { handle, sent } = attached();
  handle.becomeReady();
  expect(handle.ping(1)).toBe(false);
  expect(sent).toEqual([]);
});

test('an answer to a ping is told with the number of the ping', () => {
  const { handle, pongs } = attached();
  handle.message({ type: 'ready', pid: 4711 });
  handle.message({ type: 'pong', id: 7 });
  handle.message({ type: 'pong', id: 8, inspector: 9_230 });
  expect(pongs).toEqual([
    [7, undefined],
    [8, 9_230],
  ]);
});
