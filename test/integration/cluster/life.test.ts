import { Agent } from 'node:http';
import { expect, onTestFinished } from 'vitest';
import { clusterPort, startClustered } from '../../helpers/clustered.js';
import { bounded, eventually, httpGet, isAlive, patience, sendSignal, untilDead } from '../../helpers/index.js';
import { expectNothingLost, startLoad } from '../../helpers/load.js';
import { testOnLinux as test } from '../../helpers/skip.js';

test('disconnect() finishes what the workers have accepted, then they end with code 0', async () => {
  const fleet = startClustered();
  const port = await clusterPort(fleet);
  const slow = Array.from({ length: 8 }, () => httpGet({ port, path: '/slow/800' }));
  await fleet.event('asked', { nth: 8 });
  await fleet.call('disconnect');
  for (const answer of await Promise.all(slow)) expect(answer.status).toBe(200);
  await fleet.event('exit', { nth: 2 });
  for (const exit of fleet.events('exit'))
    expect(exit).toMatchObject({ code: 0, signal: null, exitedAfterDisconnect: true });
  await fleet.event('disconnected');
  await expect(httpGet({ port })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

test('a client that comes after disconnect() is refused while the last answers are under way', async () => {
  const fleet = startClustered();
  const port = await clusterPort(fleet);
  const slow = httpGet({ port, path: '/slow/15000', within: 40_000 });
  await fleet.event('asked');
  await fleet.call('disconnect');
  await eventually(() => refuses(port), { what: 'a newcomer is refused', within: 12_000 });
  expect((await slow).status).toBe(200);
});

async function refuses(port: number): Promise<boolean> {
  const answer = httpGet({ port, within: 500 });
  return answer.then(
    () => false,
    (error: { readonly code?: unknown }) => error.code === 'ECONNREFUSED',
  );
}

test('when all workers disconnect, connections that are kept and quiet are ended; when one does, it waits for their next request', async () => {
  const fleet = startClustered({ workers: 1 });
  const port = await clusterPort(fleet, 1);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  const { pid } = (await httpGet({ port, agent })).json();
  await fleet.call('fork');
  await fleet.event('listening', { nth: 2 });
  await fleet.call('disconnectOne', 1);
  await eventually(
    async () => {
      const { headers, json } = await httpGet({ port, agent });
      expect(json().pid).toBe(pid);
      return headers.connection === 'close';
    },
    { what: 'the worker tells the connection to close' },
  );
  await fleet.event('exit');
  const { json } = await httpGet({ port, agent });
  expect(json().pid).not.toBe(pid);
  await fleet.call('disconnect');
  await fleet.event('exit', { nth: 2 });
});

for (const mode of ['per-request', 'keep-alive'] as const) {
  test(
    `a program that replaces its workers one by one, by fork() and disconnect(), loses no request: ${mode}`,
    async () => {
      const fleet = startClustered();
      const load = startLoad({ port: await clusterPort(fleet), mode });
      for (let id = 1; id <= 4; id++) {
        await load.answered(100);
        await fleet.call('fork');
        await fleet.event('listening', { nth: 2 + id });
        await fleet.call('disconnectOne', id);
        await fleet.event('exit', { where: (event) => event.id === id });
      }
      await load.answered(100);
      const report = await load.stop();
      expectNothingLost(report);
      expect(Object.keys(report.pids).length).toBeGreaterThan(4);
    },
    patience(120_000),
  );
}

test('a worker that disconnects by itself is asked for no reason, finishes, and counts as one that left', async () => {
  const fleet = startClustered();
  const port = await clusterPort(fleet);
  const slow = Array.from({ length: 8 }, () => httpGet({ port, path: '/slow/500' }));
  await fleet.event('asked', { nth: 8 });
  await fleet.call('send', 1, 'leave');
  expect(await fleet.event('exit')).toMatchObject({ id: 1, code: 0, exitedAfterDisconnect: true });
  for (const answer of await Promise.all(slow)) expect(answer.status).toBe(200);
});

test('who connects between the death of the only worker and the next one waits, and is served', async () => {
  const fleet = startClustered({ workers: 1, again: true });
  const port = await clusterPort(fleet, 1);
  const [pid] = fleet.workers() as [number];
  sendSignal(pid, 'SIGKILL');
  await untilDead(pid);
  expect((await httpGet({ port })).json().pid).not.toBe(pid);
  expect(await fleet.event('exit')).toMatchObject({ code: null, signal: 'SIGKILL', exitedAfterDisconnect: false });
});

test('who connects between the death of the only worker and the next one is served also where that one takes long to boot', async () => {
  const fleet = startClustered({ workers: 1, again: true, boots: 6_000 });
  const port = await clusterPort(fleet, 1);
  const [pid] = fleet.workers() as [number];
  sendSignal(pid, 'SIGKILL');
  await untilDead(pid);
  expect((await httpGet({ port, within: 25_000 })).json().pid).not.toBe(pid);
  // It asked for any port, as the first one did, and got the same.
  expect((await fleet.event('listening', { nth: 2 })).address).toMatchObject({ port });
});

test('no worker outlives a primary that was killed, not even one that is blocked', async () => {
  const fleet = startClustered();
  await clusterPort(fleet);
  const workers = fleet.workers();
  await fleet.call('send', 1, 'block');
  await eventually(() => fleet.workers().length === 2, { what: 'both live' });
  fleet.kill('SIGKILL');
  await Promise.all(workers.map((pid) => bounded(untilDead(pid, { within: 20_000 }), 21_000, `worker ${pid} ends`)));
  expect(workers.filter(isAlive)).toEqual([]);
});

test('a worker whose primary was killed answers what it has accepted', async () => {
  const fleet = startClustered({ workers: 1 });
  const port = await clusterPort(fleet, 1);
  const slow = httpGet({ port, path: '/slow/500' });
  await fleet.event('asked');
  fleet.kill('SIGKILL');
  expect((await slow).status).toBe(200);
  await fleet.gone();
});

test("a signal to a worker does what it does in Node: kill() ends it, and 'exit' has the signal", async () => {
  const fleet = startClustered();
  await clusterPort(fleet);
  const [pid] = fleet.workers() as [number];
  sendSignal(pid, 'SIGTERM');
  expect(await fleet.event('exit')).toMatchObject({ code: null, signal: 'SIGTERM', exitedAfterDisconnect: false });
});
