import { fstatSync, writeSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Channel, lineOf } from '../../../lib/protocol/channel.js';
import { overSocket } from '../../../lib/protocol/ends-posix.js';
import type { Grammar, MasterMessage, WorkerMessage } from '../../../lib/protocol/protocol.cjs';
import { FROM_MASTER } from '../../../lib/protocol/what-masters-say.js';
import { FROM_WORKER } from '../../../lib/protocol/what-workers-say.js';
import { native } from '../../helpers/addon.js';
import { bounded, eventually } from '../../helpers/index.js';

interface Side<In extends MasterMessage | WorkerMessage, Out extends MasterMessage | WorkerMessage> {
  readonly channel: Channel<In, Out>;
  readonly heard: In[];
  readonly garbage: string[];
  readonly closed: Promise<void>;
}

function side<In extends MasterMessage | WorkerMessage, Out extends MasterMessage | WorkerMessage>(
  fd: number,
  grammar: Grammar<In>,
): Side<In, Out> {
  const heard: In[] = [];
  const garbage: string[] = [];
  let onClose!: () => void;
  const closed = new Promise<void>((resolve) => {
    onClose = resolve;
  });
  const channel = new Channel<In, Out>(overSocket(fd), grammar, {
    message: (message) => heard.push(message),
    close: onClose,
    garbage: (line) => garbage.push(line),
  });
  return { channel, heard, garbage, closed: bounded(closed, 15_000, 'the channel closes') };
}

const masterSide = (fd: number) => side<WorkerMessage, MasterMessage>(fd, FROM_WORKER);
const workerSide = (fd: number) => side<MasterMessage, WorkerMessage>(fd, FROM_MASTER);

test('messages arrive in order on both sides, and closing one closes the other', async () => {
  const [a, b] = native.socketPair();
  const [master, worker] = [masterSide(a), workerSide(b)];
  for (let i = 0; i < 100; i++) {
    expect(master.channel.send({ type: 'message', data: { i } })).toBe(true);
    expect(worker.channel.send({ type: 'message', data: [i, 'ä\n\u2028'] })).toBe(true);
  }
  await eventually(() => master.heard.length === 100 && worker.heard.length === 100);
  expect(worker.heard).toEqual(Array.from({ length: 100 }, (_, i) => ({ type: 'message', data: { i } })));
  expect(master.heard.at(-1)).toEqual({ type: 'message', data: [99, 'ä\n\u2028'] });
  worker.channel.close();
  expect(worker.channel.closed).toBe(true);
  await Promise.all([worker.closed, master.closed]);
  expect(master.channel.closed).toBe(true);
  expect(master.channel.send({ type: 'message', data: 1 })).toBe(false);
  expect(() => fstatSync(a)).toThrow('EBADF');
  expect(() => fstatSync(b)).toThrow('EBADF');
});

test('the last words of a peer that is gone are delivered although a message to it failed', async () => {
  const [a, b] = native.socketPair();
  const master = masterSide(a);
  writeSync(b, '{"type":"boot-failed","error":{"name":"Error","message":"dying"}}\n{"type":"wrote-stderr","te');
  native.closeFd(b);
  expect(master.channel.send({ type: 'drain', reason: 'stop', timeout: 1 })).toBe(false);
  await master.closed;
  expect(master.heard).toEqual([{ type: 'boot-failed', error: { name: 'Error', message: 'dying' } }]);
  expect(master.garbage).toEqual(['{"type":"wrote-stderr","te']);
});

test('messages larger than the socket buffer pass whole and in order, also when the sender closes at once', async () => {
  const [a, b] = native.socketPair();
  const [master, worker] = [masterSide(a), workerSide(b)];
  const sizes = [3_000_000, 10, 1_000_000, 10];
  for (const size of sizes) worker.channel.send({ type: 'message', data: 'ü'.repeat(size) });
  worker.channel.close();
  await master.closed;
  expect(master.heard.map((message) => message.type === 'message' && (message.data as string).length)).toEqual(sizes);
  await worker.closed;
});

test('lines that are no message are reported and the channel goes on', async () => {
  const [a, b] = native.socketPair();
  const master = masterSide(a);
  const lines = ['', 'null', '1', '"text"', '[]', '{}', '{"type":7}', '{"type":"became-ready"', '\u0000'];
  writeSync(b, `${lines.join('\n')}\n{"type":"became-ready","pid":5}\n`);
  native.closeFd(b);
  await master.closed;
  expect(master.garbage).toEqual(lines);
  expect(master.heard).toEqual([{ type: 'became-ready', pid: 5 }]);
});

test('a line split anywhere, also inside a character, is put together', async () => {
  const [a, b] = native.socketPair();
  const master = masterSide(a);
  for (const byte of Buffer.from('{"type":"wrote-stderr","text":"größe €"}\n')) {
    writeSync(b, Uint8Array.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  native.closeFd(b);
  await master.closed;
  expect(master.heard).toEqual([{ type: 'wrote-stderr', text: 'größe €' }]);
});

test('what JSON cannot carry is refused with a TypeError', async () => {
  const [a, b] = native.socketPair();
  const [master, worker] = [masterSide(a), workerSide(b)];
  const circle: unknown[] = [];
  circle.push(circle);
  for (const data of [undefined, () => {}, Symbol('x'), 1n, circle]) {
    expect(() => worker.channel.send({ type: 'message', data })).toThrow(TypeError);
  }
  worker.channel.close();
  await Promise.all([master.closed, worker.closed]);
  expect(master.heard).toEqual([]);
});

test('nothing is delivered after close, not even what arrived with the message that led to it', async () => {
  const [a, b] = native.socketPair();
  const heard: MasterMessage[] = [];
  const closed = new Promise<void>((resolve) => {
    const channel: Channel<MasterMessage, WorkerMessage> = new Channel(overSocket(a), FROM_MASTER, {
      message: (message) => {
        heard.push(message);
        channel.close();
      },
      close: resolve,
      garbage: () => {},
    });
  });
  writeSync(b, '{"type":"message","data":1}\n{"type":"message","data":2}\n');
  await bounded(closed, 15_000, 'the channel closes');
  expect(heard).toHaveLength(1);
  native.closeFd(b);
});

test('a descriptor that is no socket is refused in the constructor', () => {
  expect(() => masterSide(1_000_000)).toThrow();
});

test('while the other side does not read, users are refused beyond 8 MiB, which is reported once; the protocol goes on, in order', async () => {
  const [a, b] = native.socketPair();
  const fulls: number[] = [];
  const channel = new Channel<WorkerMessage, MasterMessage>(overSocket(a), FROM_WORKER, {
    message: () => {},
    garbage: () => {},
    close: () => {},
    full: (waiting) => fulls.push(waiting),
  });
  const text = 'x'.repeat(10_000);
  const results = Array.from({ length: 2_000 }, (_, number) =>
    channel.send({ type: 'message', data: { number, text } }),
  );
  const taken = results.indexOf(false);
  // What waits, and what the kernel took.
  expect(taken).toBeGreaterThan(800);
  expect(taken).toBeLessThan(1_000);
  expect(results.slice(taken)).not.toContain(true);
  for (let id = 0; id < 10; id++) expect(channel.send({ type: 'ping', for: 'queue', id })).toBe(true);
  expect(fulls).toHaveLength(1);
  const worker = workerSide(b);
  await eventually(() => worker.heard.length === taken + 10);
  expect(
    worker.heard.map((message) => (message.type === 'message' ? (message.data as { number: number }).number : message)),
  ).toEqual([
    ...Array.from({ length: taken }, (_, number) => number),
    ...Array.from({ length: 10 }, (_, id) => ({ type: 'ping', for: 'queue', id })),
  ]);
  expect(channel.send({ type: 'message', data: 'again' })).toBe(true);
  channel.close();
  await worker.closed;
});

test('small messages that wait are counted with what holds them', async () => {
  const [a, b] = native.socketPair();
  const master = masterSide(a);
  let taken = 0;
  while (master.channel.send({ type: 'message', data: taken })) taken++;
  expect(taken).toBeLessThan(70_000);
  master.channel.destroy();
  await master.closed;
  native.closeFd(b);
});

test('a message above the limit is a RangeError of its sender that names the limit', () => {
  const data = 'x'.repeat(16 * 1024 * 1024 - 40);
  expect(lineOf({ type: 'message', data }).length).toBeLessThanOrEqual(16 * 1024 * 1024);
  // Once: to encode so much takes seconds on a busy machine.
  const refused = thrownBy(() => lineOf({ type: 'message', data: `${data}${'x'.repeat(40)}` }));
  expect(refused).toBeInstanceOf(RangeError);
  expect(String(refused)).toContain('16 MiB');
});

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}

test('a closed channel whose other side does not read is closed all the same', async () => {
  const [a, b] = native.socketPair();
  const master = masterSide(a);
  for (let i = 0; i < 100; i++) master.channel.send({ type: 'message', data: 'x'.repeat(10_000) });
  master.channel.close();
  await master.closed;
  native.closeFd(b);
});

test('a line that is too long is reported once, by how it begins, and the next one is heard', async () => {
  const [a, b] = native.socketPair();
  const heard: unknown[] = [];
  const garbage: string[] = [];
  const closed = new Promise<void>((close) => {
    new Channel<WorkerMessage, MasterMessage>(
      overSocket(a),
      { ...FROM_WORKER, limit: 50 },
      {
        message: (message) => heard.push(message),
        garbage: (line) => garbage.push(line),
        close,
      },
    );
  });
  for (const piece of ['x'.repeat(40), 'y'.repeat(20), 'z'.repeat(300), '\n{"type":"listening"}\n']) {
    writeSync(b, piece);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  native.closeFd(b);
  await bounded(closed, 15_000, 'the channel closes');
  expect(heard).toEqual([{ type: 'listening' }]);
  expect(garbage).toEqual(['x'.repeat(40) + 'y'.repeat(20)]);
});
