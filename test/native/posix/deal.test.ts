/** A worker that holds more than its share leaves the line: one process, in which the test writes the rows of the others by hand. */

import { fstatSync, ftruncateSync, readSync, writeSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeEach, expect } from 'vitest';
import type { NativeAcceptLine } from '../../../lib/addon/native.cjs';
import { eventually } from '../../helpers/eventually.js';
import { isLinux, testOnLinux as test } from '../../helpers/skip.js';
import { native } from '../native-helpers.js';

/** Bytes, of native/posix/board.h: how many rows are in use comes first. */
const ROW = 64;
const OWN = 0;
const OTHER = 1;

interface Row {
  readonly accepts: number;
  readonly held: number;
  readonly accepted: number;
  readonly turns: number;
}

const board = isLinux ? native.makeBoard() : undefined;
const fd = board?.fd ?? -1;

function read(row: number): Row {
  const [accepts = 0, held = 0, accepted = 0, turns = 0] = at(row);
  return { accepts, held, accepted, turns };
}

function at(row: number): Uint32Array {
  const bytes = new Uint32Array(4);
  readSync(fd, bytes, { position: ROW * (1 + row) });
  return bytes;
}

function write(row: number, { accepts, held, accepted, turns }: Row): void {
  writeSync(fd, new Uint32Array([accepts, held, accepted, turns]), 0, 16, ROW * (1 + row));
}

const counts = new Uint32Array(new SharedArrayBuffer(8));
board?.take(OWN);
board?.take(OTHER);
const lines = isLinux ? native.acceptLines({ counts, board: { fd, row: OWN } }, () => {}) : undefined;
const sockets: Socket[] = [];
let line: NativeAcceptLine | undefined;
let port = 0;
const server = createServer((socket) => {
  counts[0] = (counts[0] as number) + 1;
  counts[1] = (counts[1] as number) + 1;
  sockets.push(socket);
});

beforeEach(async () => {
  counts[0] = 0;
  for (const socket of sockets.splice(0)) socket.destroy();
  if (line !== undefined || lines === undefined) return;
  const request = { family: 'IPv4', address: '127.0.0.1', port: 0, ipv6Only: false, reusePort: false } as const;
  const bound = native.listen({ ...request, backlog: 1_000 });
  port = bound.port as number;
  server.listen({ fd: bound.fd });
  line = lines.add(bound.fd, true);
  await turns();
});

afterAll(() => {
  for (const socket of sockets) socket.destroy();
  line?.close();
  server.close();
  board?.close();
});

/** Some turns of the event loop, each of which polls. */
async function turns(count = 5): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** A connection that waits in the queue at least. */
function arrive(): Promise<void> {
  return new Promise((resolve) => sockets.push(connect(port, '127.0.0.1', resolve)));
}

async function accepted(): Promise<void> {
  const before = counts[1] as number;
  await arrive();
  // Turn by turn: a yield that follows is over in milliseconds.
  while (counts[1] === before) await turns(1);
  await turns();
}

/** Adds connections until this worker has left the line for the other one, whose event loop turns. Returns the turns of that by now. */
async function untilYield(other: Omit<Row, 'turns'>): Promise<number> {
  for (let i = 1; i < 200; i++) {
    write(OTHER, { ...other, turns: i });
    await accepted();
    if (yields()) return i;
    // A worker that got no CPU may stay in line for 50 ms.
    if (i % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('it stays in line');
}

const yields = (): boolean => read(OWN).accepts === 0;

test('A8a a worker writes down before every poll what it holds', async () => {
  write(OTHER, { accepts: 0, held: 0, accepted: 0, turns: 0 });
  await accepted();
  await accepted();
  const { accepts, held, turns: before } = read(OWN);
  expect({ accepts, held }).toEqual({ accepts: 1, held: 2 });
  expect(read(OWN).accepted).toBe(counts[1]);
  await turns();
  expect(read(OWN).turns).toBeGreaterThan(before);
});

test('A8b one that holds no more than the others, or is the only one that accepts, stays in line', async () => {
  for (const other of [
    { accepts: 1, held: 50 },
    { accepts: 0, held: 0 },
  ]) {
    write(OTHER, { accepted: 100, turns: 1, ...other });
    for (let i = 0; i < 8; i++) await accepted();
    expect(yields()).toBe(false);
  }
});

test('A8c one that holds clearly more leaves the line for as long as the other one takes connections that stay', async () => {
  // The other worker has hardly begun, so this one waits for it longer.
  await untilYield({ accepts: 1, held: 0, accepted: 0 });
  // The other one takes as many as it lacks, one in a millisecond.
  const at = performance.now();
  for (let held = 1; yields(); held++) {
    write(OTHER, { accepts: 1, held, accepted: held, turns: 50 + held });
    await new Promise((resolve) => setTimeout(resolve, 1));
    expect(performance.now() - at).toBeLessThan(5_000);
  }
  const before = counts[1] as number;
  write(OTHER, { accepts: 1, held: 100, accepted: 100, turns: 1_000 });
  await accepted();
  expect(counts[1]).toBe(before + 1);
  expect(yields()).toBe(false);
});

test('A8d one that left for another that takes nothing comes back at once, and takes what waits', async () => {
  await untilYield({ accepts: 1, held: 0, accepted: 0 });
  const before = counts[1] as number;
  const at = performance.now();
  await arrive();
  await eventually(() => counts[1] === before + 1, { what: 'the waiting connection is accepted' });
  expect(performance.now() - at).toBeLessThan(5_000);
  // It counts for nothing until its event loop turns again.
  for (let i = 0; i < 10; i++) {
    await accepted();
    expect(yields()).toBe(false);
  }
});

/** The other worker took `came` connections since it had accepted `before`, and holds so many now. */
async function othersTook(before: number, came: number, held: number): Promise<void> {
  write(OTHER, { accepts: 1, held, accepted: before + came, turns: 100 + came });
  await eventually(() => !yields(), { what: 'it is back in line' });
}

test('A8g clients that leave together, just when a worker has left the line, do not keep it there: it leaves again for those that come', async () => {
  const other = { accepts: 1, held: 60, accepted: 400 };
  counts[0] = 80;
  await untilYield(other);
  await othersTook(400, 12, 5);
  await untilYield({ ...other, accepted: 412 });
  write(OTHER, { ...other, accepts: 0, turns: 1 });
  await eventually(() => !yields(), { what: 'it is back in line' });
});

test('A8h one that left for another whose connections do not stay remains in line for a second', async () => {
  const other = { accepts: 1, held: 60, accepted: 400 };
  counts[0] = 80;
  await untilYield(other);
  const since = performance.now();
  await othersTook(400, 12, 60);
  for (let turn = 1; turn < 10; turn++) {
    write(OTHER, { ...other, accepted: 412, turns: 200 + turn });
    await accepted();
    const left = yields();
    // Where this process got no CPU, the second may be over.
    if (performance.now() - since < 1_000) expect(left).toBe(false);
  }
});

test('A8e with any values that another process has written into the shared memory, a waiting connection is accepted', async () => {
  for (const value of [0xffffffff, 0x80000000, 0]) {
    writeSync(fd, new Uint32Array([value]), 0, 4, 0);
    for (const row of [OTHER, 2, 1_022])
      write(row, { accepts: value || 1, held: value, accepted: value, turns: value });
    for (let i = 0; i < 10; i++) await accepted();
  }
  writeSync(fd, new Uint32Array([2]), 0, 4, 0);
});

test('A8f the memory has one size: no process with the descriptor can make it smaller or larger', () => {
  const { size } = fstatSync(fd);
  expect(size).toBeGreaterThan(0);
  for (const other of [0, size - 1, size + 4_096]) expect(() => ftruncateSync(fd, other)).toThrow(/EPERM|EINVAL/);
  expect(fstatSync(fd).size).toBe(size);
});

test('A8f what is no board, or no row of it, is refused', () => {
  expect(() => native.acceptLines({ counts, board: { fd: 0, row: 0 } }, () => {})).toThrow(/no board of a fleet|mmap/);
  for (const row of [-1, 1_023, 1.5, 'x']) {
    expect(() => board?.take(row as number)).toThrow(/row/);
    expect(() => native.acceptLines({ counts, board: { fd, row: row as number } }, () => {})).toThrow(/row/);
  }
  expect(() => native.acceptLines({ counts: new Uint32Array(new SharedArrayBuffer(4)) }, () => {})).toThrow(/counts/);
});
