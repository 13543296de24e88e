import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { io, type Socket } from 'socket.io-client';
import { expect, onTestFinished } from 'vitest';
import { startClusterProgram } from '../../helpers/clustered.js';
import { bounded, httpGet, type Master } from '../../helpers/index.js';
import { testOnLinux as test } from '../../helpers/skip.js';

function start(library: string, ...args: readonly string[]): Master {
  return startClusterProgram(`cluster-libraries/${library}.cjs`, ...args);
}

test("prom-client's AggregatorRegistry has the metrics of all workers", async () => {
  const fleet = start('prom-client');
  const { port } = await fleet.event('serves');
  const pids = new Set<string>();
  let requests = 0;
  for (; requests < 10 || pids.size < 2; requests++) pids.add((await httpGet({ port })).body);
  const metrics = await httpGet({ port: (await fleet.event('metrics')).port, path: '/cluster_metrics' });
  expect(metrics.body).toMatch(new RegExp(`^requests_total ${requests}$`, 'm'));
});

test("rate-limiter-flexible's cluster limiter counts over all workers", async () => {
  const fleet = start('rate-limiter');
  const { port } = await fleet.event('serves');
  const answers = await Promise.all(Array.from({ length: 30 }, () => httpGet({ port })));
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(10);
  expect(answers.filter(({ status }) => status === 429)).toHaveLength(20);
});

test('Socket.IO, with its cluster adapter and sticky sessions, reaches the clients of all workers', async () => {
  const fleet = start('socket-io');
  const { port } = await fleet.event('serves');
  const sockets = Array.from({ length: 4 }, () => io(`http://127.0.0.1:${port}`, { forceNew: true }));
  onTestFinished(() => {
    for (const socket of sockets) socket.disconnect();
  });
  const workers = await Promise.all(sockets.map((socket) => heard(socket, 'worker')));
  expect(new Set(workers).size).toBe(2);
  const shouted = Promise.all(sockets.map((socket) => heard(socket, 'shouted')));
  sockets[0]?.emit('shout', 'hello');
  expect(await shouted).toEqual(['hello', 'hello', 'hello', 'hello']);
});

test('log4js writes and rotates the lines of all workers, and loses none', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const fleet = start('log4js', join(folder, 'log'));
  await fleet.event('logged');
  const lines = readdirSync(folder).flatMap((file) => readFileSync(join(folder, file), 'utf8').trim().split('\n'));
  const logged = lines.map((line) => /line \d+ of \d$/.exec(line)?.[0]);
  expect(new Set(logged).size).toBe(1_000);
  expect(logged).toHaveLength(1_000);
});

function heard(socket: Socket, event: string): Promise<unknown> {
  const once = new Promise((resolve) => socket.once(event, resolve));
  return bounded(once, 10_000, `a client hears '${event}'`);
}
