import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { after } from '../../../lib/common/timers.js';

test('a timer that is due when the process goes on comes behind what has arrived meanwhile', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [socket] = (await once(server, 'connection')) as [Socket];
  try {
    for (let round = 0; round < 20; round++) {
      const order: string[] = [];
      const data = once(socket, 'data').then(() => order.push('data'));
      const timer = new Promise<void>((resolve) => {
        after(1, () => {
          order.push('timer');
          resolve();
        });
      });
      client.write('!');
      for (const until = performance.now() + 5; performance.now() < until; );
      await Promise.all([data, timer]);
      expect(order).toEqual(['data', 'timer']);
    }
  } finally {
    client.destroy();
    socket.destroy();
    server.close();
  }
});

test('a timer that is cancelled never calls, also when it is due', async () => {
  let called = false;
  const timer = after(0, () => {
    called = true;
  });
  // In the same turn, behind it.
  const cancelled = new Promise<void>((resolve) => {
    setTimeout(() => {
      timer.cancel();
      resolve();
    }, 0);
  });
  for (const until = performance.now() + 5; performance.now() < until; );
  await cancelled;
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(called).toBe(false);
});

test('a longer delay than a timer of Node holds does not end at once', async () => {
  let called = false;
  const timer = after(Number.POSITIVE_INFINITY, () => {
    called = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  timer.cancel();
  expect(called).toBe(false);
});
