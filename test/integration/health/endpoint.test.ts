import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, onTestFinished } from 'vitest';
import type { PreforkOptions } from '../../../lib/types.js';
import {
  connectRaw,
  eventually,
  type FleetConfig,
  httpGet,
  type Master,
  openFds,
  sendSignal,
  startFleet,
  testOn,
} from '../../helpers/index.js';
import { parsePrometheus } from '../../helpers/prometheus.js';

interface Probed {
  readonly master: Master;
  /** Of the endpoint. */
  readonly port: number;
  /** The status code. */
  ask(path: string): Promise<number>;
}

async function startProbed(options: Partial<PreforkOptions>, more: FleetConfig = {}): Promise<Probed> {
  const metrics = { port: 0, ...options.metrics };
  const master = startFleet({ ...more, options: { workers: 2, ...options, metrics } });
  const line = await master.logged(/metrics on http:\/\/127\.0\.0\.1:\d+\/metrics/);
  const port = Number(/:(\d+)\/metrics/.exec(line)?.[1]);
  return { master, port, ask: async (path) => (await httpGet({ port, path })).status };
}

const test = testOn('posixProcesses');

test('S3a /ready is 503 while the fleet starts, 200 while it serves, and 503 in drainDelay; /live is 200 all the time', async () => {
  const { master, port, ask } = await startProbed({ workers: 1, drainDelay: 60_000 }, { boot: 'wait:3000' });
  const starting = await httpGet({ port, path: '/ready' });
  expect([starting.status, starting.body]).toEqual([503, 'starting: 0 of 1 worker ready\n']);
  expect(await ask('/live')).toBe(200);
  await master.event('on ready');
  expect(await ask('/ready')).toBe(200);
  master.kill('SIGTERM');
  await master.logged('serving on for 60000 ms');
  const stopping = await httpGet({ port, path: '/ready' });
  expect([stopping.status, stopping.body]).toEqual([503, expect.stringMatching(/^stopping soon, serving on /)]);
  expect(await ask('/live')).toBe(200);
  await master.call('stop', { gracePeriod: 0 });
  expect(await master.gone()).toEqual({ code: 0, signal: null });
});

test('S3a /ready is 503 while no worker is ready, and 200 when one is again', async () => {
  const { master, ask } = await startProbed({ workers: 1, recoverInterval: 8_000 });
  const { pids } = await master.event('onMasterReady');
  await master.event('on ready');
  sendSignal(pids[0], 'SIGKILL');
  await master.event('onChildExit');
  expect(await ask('/ready')).toBe(503);
  expect(await ask('/live')).toBe(200);
  await master.event('onChildRecover');
  expect(await ask('/ready')).toBe(200);
  master.kill('SIGTERM');
  await master.gone();
});

test('S3b /live is 503 once no worker has turned its loop for liveTimeout, and 200 as soon as one turns', async () => {
  const { master, ask } = await startProbed({ metrics: { port: 0, liveTimeout: 3_000 } });
  const { pids } = await master.event('onMasterReady');
  await master.event('on ready');
  expect(await ask('/live')).toBe(200);
  for (const pid of pids) sendSignal(pid, 'SIGSTOP');
  expect(await ask('/live')).toBe(200);
  await eventually(async () => (await ask('/live')) === 503, { what: 'no worker turns its loop' });
  sendSignal(pids[0], 'SIGCONT');
  await eventually(async () => (await ask('/live')) === 200, { what: 'one worker turns' });
  sendSignal(pids[1], 'SIGCONT');
  master.kill('SIGTERM');
  await master.gone();
});

test('S3c /metrics has what happened, in the format of Prometheus, also while every worker is blocked', async () => {
  const { master, port } = await startProbed({ readyFor: 0 });
  const { pids, addresses } = await master.event('onMasterReady');
  await master.event('on ready');
  expect(await master.call('reload')).toMatchObject({ ok: true });
  await master.event('on exit', { nth: 2 });
  for (const { pid } of await master.call('workers')) sendSignal(pid, 'SIGSTOP');
  const client = await connectRaw({ port: addresses[0].port });
  const { headers, body } = await eventually(async () => {
    const answer = await httpGet({ port, path: '/metrics' });
    return /^prefork_accept_queue_depth\{.*\} 1$/m.test(answer.body) && answer;
  });
  expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  const families = parsePrometheus(body);
  const of = (name: string) => Object.fromEntries(families.get(name)?.samples ?? []);
  expect(of('prefork_ready')).toEqual({ '': 1 });
  expect(of('prefork_generation')).toEqual({ '': 1 });
  expect(of('prefork_slots')).toEqual({ '': 2 });
  expect(of('prefork_workers')['state="ready"']).toBe(2);
  expect(of('prefork_worker_starts_total')).toEqual({ '': 4 });
  expect(of('prefork_worker_exits_total')).toMatchObject({ 'reason="requested"': 2, 'reason="signal"': 0 });
  expect(of('prefork_reloads_total')).toEqual({ 'result="ok"': 1, 'result="failed"': 0 });
  expect(of('prefork_worker_generation')).toEqual({ 'slot="0"': 1, 'slot="1"': 1 });
  for (const slot of ['slot="0"', 'slot="1"']) {
    expect(of('prefork_worker_resident_memory_bytes')[slot]).toBeGreaterThan(10_000_000);
    expect(of('prefork_event_loop_delay_seconds')[slot]).toBeGreaterThanOrEqual(0);
  }
  expect(pids).toHaveLength(2);
  client.close();
  for (const { pid } of await master.call('workers')) sendSignal(pid, 'SIGCONT');
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
});

test("S3d the endpoint is the master's alone: no worker has its socket, and it is closed when the last worker is gone", async () => {
  const { master, port, ask } = await startProbed({ workers: 1, shutdownGracePeriod: 20_000 });
  const { pids, addresses } = await master.event('onMasterReady');
  const sockets = (pid: number) =>
    [...openFds(pid)].flatMap(([fd, file]) => (fd > 2 && file.startsWith('socket:') ? file : []));
  const ofMaster = new Set(sockets(master.pid));
  // The listener, and nothing else that the master has open.
  expect(sockets(pids[0]).filter((socket) => ofMaster.has(socket))).toHaveLength(1);
  const slow = httpGet({ port: addresses[0].port, path: '/slow?ms=6000' });
  await master.event('request');
  master.kill('SIGTERM');
  await master.event('draining');
  expect([await ask('/ready'), await ask('/live')]).toEqual([503, 200]);
  expect((await slow).status).toBe(200);
  expect(await master.gone()).toEqual({ code: 0, signal: null });
  await expect(connectRaw({ port })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

test('S3d an open connection to the endpoint, silent or rude, keeps no fleet from its end', async () => {
  const { master, port, ask } = await startProbed({ workers: 1 });
  await master.event('on ready');
  const silent = await connectRaw({ port });
  const rude = await connectRaw({ port });
  rude.write('\0\0\0 nonsense\r\n\r\n');
  expect(await rude.until('400')).toContain('400');
  expect([await ask('/'), await ask('/ready?x=1')]).toEqual([404, 200]);
  expect((await httpGet({ port, path: '/ready', method: 'POST' })).status).toBe(405);
  expect(await httpGet({ port, path: '/ready', method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
  silent.close();
});

test('S3e a taken port of the endpoint is EADDRINUSE with the name of the option, before any worker starts', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void taken.close());
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  const master = startFleet({ options: { metrics: { port } } });
  const { error } = await master.event('settled');
  expect(error).toMatchObject({ code: 'EADDRINUSE', port, syscall: 'listen' });
  expect(error.message).toContain("for the option 'metrics': another process listens there");
  expect(await master.gone()).toEqual({ code: 1, signal: null });
  expect(master.events('on spawn')).toEqual([]);
});
