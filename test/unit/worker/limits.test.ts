import { once } from 'node:events';
import { createServer, get } from 'node:http';
import http2 from 'node:http2';
import { type AddressInfo, connect, createServer as createNetServer, type Server } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { WorkerLimits } from '../../../lib/worker/limits.js';
import { eventually } from '../../helpers/eventually.js';

const limits = { maxRequests: undefined, maxRss: undefined, jitter: 0 };
const undo: (() => void)[] = [];
afterEach(() => {
  for (const one of undo.splice(0)) one();
  vi.useRealTimers();
});

function watch(settings: object, context: { rss?: () => number | undefined; random?: () => number } = {}) {
  const reported: string[] = [];
  const recycling = new WorkerLimits({
    settings: { ...limits, ...settings },
    enough: (reason) => reported.push(reason),
    ...context,
  });
  undo.push(() => recycling.close());
  return { recycling, reported };
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  undo.push(() => server.close());
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function request(port: number): Promise<void> {
  const [response] = await once(get({ port, host: '127.0.0.1', agent: false }), 'response');
  await once(response.resume(), 'end');
}

test('maxRequests counts the requests of the HTTP servers it was given, and reports once', async () => {
  const { recycling, reported } = watch({ maxRequests: 3 });
  const server = createServer((_request, response) => response.end());
  const other = createServer((_request, response) => response.end());
  recycling.track(server);
  const [port, elsewhere] = [await listen(server), await listen(other)];
  for (let i = 0; i < 3; i++) await request(elsewhere);
  await request(port);
  await request(port);
  expect(reported).toEqual([]);
  await request(port);
  await request(port);
  expect(reported).toEqual(['it has served 3 requests (recycle.maxRequests 3)']);
});

test('over HTTP/2 every stream is a request', async () => {
  const { recycling, reported } = watch({ maxRequests: 2 });
  const server = http2.createServer((_request, response) => response.end());
  recycling.track(server);
  const session = http2.connect(`http://127.0.0.1:${await listen(server)}`);
  for (let i = 0; i < 2; i++) {
    const stream = session.request();
    await once(stream.resume(), 'end');
  }
  session.close();
  await eventually(() => reported.length === 1);
});

test('without HTTP every connection is a request', async () => {
  const { recycling, reported } = watch({ maxRequests: 2 });
  const server = createNetServer((socket) => socket.end());
  recycling.track(server);
  const port = await listen(server);
  for (let i = 0; i < 2; i++) await once(connect(port, '127.0.0.1').resume(), 'close');
  expect(reported).toHaveLength(1);
});

test('jitter lowers the limit by up to its share', async () => {
  const { recycling, reported } = watch({ maxRequests: 10, jitter: 0.5 }, { random: () => 0.8 });
  const server = createNetServer((socket) => socket.end());
  recycling.track(server);
  const port = await listen(server);
  for (let i = 0; i < 6; i++) await once(connect(port, '127.0.0.1').resume(), 'close');
  expect(reported).toEqual(['it has served 6 requests (recycle.maxRequests 10)']);
});

test('a worker that cannot read its memory, for want of descriptors, is not recycled for it', () => {
  vi.useFakeTimers();
  const { reported } = watch({ maxRss: 1 }, { rss: () => undefined });
  vi.advanceTimersByTime(60_000);
  expect(reported).toEqual([]);
});

test('the worker looks at maxRss also while no request comes', () => {
  vi.useFakeTimers();
  let rss = 99e6;
  const { reported } = watch({ maxRss: 100e6 }, { rss: () => rss });
  vi.advanceTimersByTime(60_000);
  expect(reported).toEqual([]);
  rss = 101e6;
  vi.advanceTimersByTime(10_000);
  expect(reported).toEqual(['it takes 96.3 MB of memory (recycle.maxRss 95.4 MB)']);
  vi.advanceTimersByTime(60_000);
  expect(reported).toHaveLength(1);
});
