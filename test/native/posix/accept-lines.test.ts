import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, expect } from 'vitest';
import type { DescriptorRoom, NativeAcceptLine } from '../../../lib/addon/native.cjs';
import { eventually } from '../../helpers/eventually.js';
import { testOnLinux as test } from '../../helpers/skip.js';
import { fixture, native } from '../native-helpers.js';

const lines = native.acceptLines({ counts: new Uint32Array(new SharedArrayBuffer(8)) }, () => {});
const opened: (Socket | Server)[] = [];

afterEach(() => {
  for (const one of opened.splice(0)) {
    if ('destroy' in one) one.destroy();
    else one.close();
  }
});

/** A server that counts, and its line. */
async function listening(): Promise<{
  server: Server;
  line: NativeAcceptLine;
  port: number;
  fd: number;
  accepted: () => number;
}> {
  let accepted = 0;
  const server = createServer((socket) => {
    accepted++;
    opened.push(socket);
  });
  opened.push(server);
  const { fd } = native.listen({
    family: 'IPv4',
    address: '127.0.0.1',
    port: 0,
    backlog: 10,
    ipv6Only: false,
    reusePort: false,
  });
  await once(server.listen({ fd }), 'listening');
  const { port } = server.address() as { port: number };
  const line = lines?.add(fd, false);
  if (line === undefined) throw new Error('features.acceptLine is false');
  return { server, line, port, fd, accepted: () => accepted };
}

async function client(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  opened.push(socket);
  await once(socket, 'connect');
  return socket;
}

/** Some turns of the event loop, each of which polls. */
async function turns(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

test('a listener that was left is not accepted from, and its queue is found when it is entered again', async () => {
  const { line, port, fd, accepted } = await listening();
  await turns();
  expect(line.leave()).toBe(true);
  await client(port);
  await client(port);
  await turns();
  expect(accepted()).toBe(0);
  expect(native.queueDepth(fd).depth).toBe(2);
  expect(line.enter()).toBe(true);
  await eventually(() => accepted() === 2, { what: 'both are accepted' });
  line.close();
});

test('a listener that libuv has not added yet is left as soon as it has', async () => {
  const { line, port, accepted } = await listening();
  line.leave();
  await turns();
  await client(port);
  await turns();
  expect(accepted()).toBe(0);
  line.enter();
  await eventually(() => accepted() === 1, { what: 'it is accepted' });
  line.close();
});

test('a line of a listener that was closed touches nothing that has its number now', async () => {
  const { server, line, fd } = await listening();
  await turns();
  line.leave();
  server.close();
  await once(server, 'close');
  const other = await listening();
  expect(other.fd).toBe(fd);
  await turns();
  line.enter();
  line.leave();
  await turns();
  await client(other.port);
  await eventually(() => other.accepted() === 1, { what: 'the other one accepts' });
  line.close();
  other.line.close();
});

for (const seed of [1, 2, 3]) {
  test(`A6a listen, leave, enter, look, EMFILE, close and listen again in any order end no process, and every connection is accepted once (seed ${seed})`, () => {
    const { status, stderr, stdout } = spawnSync(
      'sh',
      [
        '-c',
        'ulimit -n 200; exec "$@"',
        'sh',
        process.execPath,
        fixture('walks-accept-lines.mjs'),
        '1000',
        String(seed),
      ],
      { encoding: 'utf8' },
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const { connections, accepted, shortages } = JSON.parse(stdout) as Record<string, number>;
    expect(connections).toBeGreaterThan(100);
    expect(accepted).toBe(connections);
    expect(shortages).toBeGreaterThan(50);
  });
}

test('descriptors that become short take every listener out before it accepts, and back when they are not', () => {
  const { status, stderr, stdout } = spawnSync(
    'sh',
    ['-c', 'ulimit -n 200; exec "$@"', 'sh', process.execPath, fixture('fills-descriptors.mjs')],
    { encoding: 'utf8' },
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const { rooms, accepted, closed } = JSON.parse(stdout) as {
    rooms: DescriptorRoom[];
    accepted: number[];
    closed: number;
  };
  expect(rooms.map(({ short, limit }) => ({ short, limit }))).toEqual([
    { short: true, limit: 200 },
    { short: false, limit: 200 },
  ]);
  expect(rooms[0]?.open).toBeGreaterThan(200 - 200 / 8);
  // Five while it was short, all of them when it was over.
  expect(accepted).toEqual([0, 5]);
  expect(closed).toBe(0);
});

test('a call that fails keeps nothing of its arguments alive', async () => {
  // The counts are taken before the board is found to be none.
  const call = () => {
    const counts = new Uint32Array(new SharedArrayBuffer(8));
    // Not expect().toThrow(), which keeps the function that it calls.
    try {
      native.acceptLines({ counts, board: { fd: -1, row: 0 } }, () => {});
    } catch (error) {
      return { counts: new WeakRef(counts), message: (error as Error).message };
    }
    throw new Error('It did not fail');
  };
  const { counts, message } = call();
  expect(message).toContain('board.fd');
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  await eventually(
    () => {
      collect();
      return counts.deref() === undefined;
    },
    { what: 'the counts are collected' },
  );
});
