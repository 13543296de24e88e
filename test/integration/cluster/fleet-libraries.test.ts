/** The libraries' own quick starts, in the one file of a program of prefork(). */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { io, type Socket } from 'socket.io-client';
import { expect, onTestFinished } from 'vitest';
import { bounded, httpGet, type Master } from '../../helpers/index.js';
import { startMaster } from '../../helpers/master.js';
import { testOnLinux as test } from '../../helpers/skip.js';

function start(library: string, ...args: readonly string[]): Master {
  return startMaster(`fleet-libraries/${library}`, { args });
}

/** Of the clients of the program: it serves when both workers listen. */
async function servingPort(fleet: Master): Promise<number> {
  await fleet.logged('2 workers are ready');
  return (await fleet.event('serves')).port;
}

test("D3e prom-client's AggregatorRegistry has the metrics of all workers of prefork(), also after a reload", async () => {
  const fleet = start('prom-client');
  const port = await servingPort(fleet);
  const { port: metricsPort } = await fleet.event('metrics');
  const total = async (): Promise<number> => {
    const { body } = await httpGet({ port: metricsPort, path: '/cluster_metrics' });
    return Number(/^requests_total (\d+)$/m.exec(body)?.[1]);
  };
  const answeredBy = new Set<string>();
  let requests = 0;
  for (; requests < 10 || answeredBy.size < 2; requests++) answeredBy.add((await httpGet({ port })).body);
  expect(await total()).toBe(requests);
  fleet.kill('SIGHUP');
  await fleet.logged('reloaded: generation 1');
  const newest = new Set<string>();
  let later = 0;
  for (; newest.size < 2; later++) newest.add((await httpGet({ port })).body);
  expect(await total()).toBe(later);
  for (const pid of answeredBy) expect(newest).not.toContain(pid);
});

test("D3e rate-limiter-flexible's cluster limiter counts over all workers of prefork()", async () => {
  const fleet = start('rate-limiter');
  const port = await servingPort(fleet);
  const answers = await Promise.all(Array.from({ length: 30 }, () => httpGet({ port })));
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(10);
  expect(answers.filter(({ status }) => status === 429)).toHaveLength(20);
});

test('D3e Socket.IO with its cluster adapter, and sticky sessions in the master, reaches the clients of all workers of prefork()', async () => {
  const fleet = start('socket-io');
  const { port } = await fleet.event('sticky');
  const sockets = Array.from({ length: 4 }, () => io(`http://127.0.0.1:${port}`, { forceNew: true }));
  onTestFinished(() => {
    for (const socket of sockets) socket.disconnect();
  });
  const workers = await Promise.all(sockets.map((socket) => heard(socket, 'worker')));
  expect(new Set(workers).size).toBe(2);
  const words = Promise.all(sockets.map((socket) => heard(socket, 'shouted')));
  sockets[0]?.emit('shout', 'hello');
  expect(await words).toEqual(['hello', 'hello', 'hello', 'hello']);
  // serialization: 'advanced'
  const bytes = Promise.all(sockets.map((socket) => heard(socket, 'shouted')));
  sockets[1]?.emit('bytes', Buffer.from([1, 2, 3]));
  for (const each of await bytes) expect(Buffer.from(each as Uint8Array)).toEqual(Buffer.from([1, 2, 3]));
});

test('D3e log4js writes and rotates the lines of all workers of prefork(), those behind the drain included, and loses none', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const fleet = start('log4js', join(folder, 'log'));
  await fleet.logged('2 workers are ready');
  fleet.kill();
  await fleet.event('logged');
  const lines = readdirSync(folder).flatMap((file) => readFileSync(join(folder, file), 'utf8').trim().split('\n'));
  const logged = lines.flatMap((line) => /line \d+ of \d$/.exec(line)?.[0] ?? []);
  expect(new Set(logged).size).toBe(1_000);
  expect(logged).toHaveLength(1_000);
  expect(lines.filter((line) => line.endsWith('goodbye'))).toHaveLength(2);
});

function heard(socket: Socket, event: string): Promise<unknown> {
  const once = new Promise((resolve) => socket.once(event, resolve));
  return bounded(once, 10_000, `a client hears '${event}'`);
}
