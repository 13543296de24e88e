import { fstatSync, writeSync } from 'node:fs';
import { expect, test } from 'vitest';
import { native } from '../../lib/binding.cjs';
import { Channel } from '../../lib/channel.js';
import { overSocket } from '../../lib/channel-ends.js';
import type { Grammar, MasterMessage, WorkerMessage } from '../../lib/protocol.cjs';
import { FROM_MASTER } from '../../lib/what-masters-say.js';
import { FROM_WORKER } from '../../lib/what-workers-say.js';
import { bounded, eventually } from '../helpers/index.js';

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
  return { channel, heard, garbage, closed: bounded(closed, 5_000, 'the channel closes') };
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
  writeSync(b, '{"type":"boot-error","error":{"name":"Error","message":"dying"}}\n{"type":"stderr","te');
  native.closeFd(b);
  expect(master.channel.send({ type: 'drain', reason: 'stop', timeout: 1 })).toBe(false);
  await master.closed;
  expect(master.heard).toEqual([{ type: 'boot-error', error: { name: 'Error', message: 'dying' } }]);
  expect(master.garbage).toEqual(['{"type":"stderr","te']);
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
  const lines = ['', 'null', '1', '"text"', '[]', '{}', '{"type":7}', '{"type":"ready"', '\u0000'];
  writeSync(b, `${lines.join('\n')}\n{"type":"ready","pid":5}\n`);
  native.closeFd(b);
  await master.closed;
  expect(master.garbage).toEqual(lines);
  expect(master.heard).toEqual([{ type: 'ready', pid: 5 }]);
});

test('a line split anywhere, also inside a character, is put together', async () => {
  const [a, b] = native.socketPair();
  const master = masterSide(a);
  for (const byte of Buffer.from('{"type":"stderr","text":"größe €"}\n')) {
    writeSync(b, Uint8Array.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  native.closeFd(b);
  await master.closed;
  expect(master.heard).toEqual([{ type: 'stderr', text: 'größe €' }]);
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
  await bounded(closed, 5_000, 'the channel closes');
  expect(heard).toHaveLength(1);
  native.closeFd(b);
});

test('a descriptor that is no socket is refused in the constructor', () => {
  expect(() => masterSide(1_000_000)).toThrow();
});
