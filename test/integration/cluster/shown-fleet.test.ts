/** `prefork({ cluster: true })`: what node:cluster shows in its master and in its workers. */

import { expect } from 'vitest';
import { eventually, httpGet, isAlive, type Master, patience, sendSignal } from '../../helpers/index.js';
import { expectNothingLost, reloadThrice, startLoad } from '../../helpers/load.js';
import { startMaster } from '../../helpers/master.js';
import { testOnLinux as test } from '../../helpers/skip.js';

interface Shown {
  readonly options?: object;
  readonly others?: readonly object[];
  readonly early?: readonly object[];
  readonly udp?: boolean;
  readonly legacy?: boolean;
}

function start(shown: Shown = {}): Master {
  return startMaster('shown-fleet', { args: [JSON.stringify(shown)] });
}

async function readyPort(fleet: Master): Promise<number> {
  return (await fleet.event('onMasterReady')).addresses[0].port;
}

for (const legacy of [false, true]) {
  test(`D3a node:cluster shows a primary with the workers of the fleet, and in each of them a worker${legacy ? ', also when prefork/cluster is loaded' : ''}`, async () => {
    const fleet = start({ legacy });
    const { pids, isPrimary, addresses } = await fleet.event('onMasterReady');
    expect(isPrimary).toBe(true);
    const shown = { isPrimary: false, isWorker: true, connected: true };
    expect(fleet.events('worker')).toMatchObject([shown, shown]);
    // The children of a worker are none of node:cluster.
    expect(fleet.events('worker').map(({ env }) => env)).toEqual([undefined, undefined]);
    expect((await fleet.call('ids')).map(({ pid }: { pid: number }) => pid).sort()).toEqual([...pids].sort());
    const listening = await fleet.event('cluster listening', { nth: 2 });
    expect(listening.address).toEqual({ addressType: 4, address: '127.0.0.1', port: addresses[0].port });
    const [one, two] = fleet.events('worker').map(({ id }) => id);
    expect(await fleet.call('tell', { greetings: [1, 2] })).toEqual([true, true]);
    for (const id of [one, two]) {
      const { message } = await fleet.event('cluster message', { where: (event) => event.id === id });
      expect(message).toEqual({ echo: { greetings: [1, 2] }, id });
    }
    fleet.kill();
    expect(await fleet.gone()).toEqual({ code: 0, signal: null });
    // The master asked them to leave.
    expect(fleet.events('cluster exit')).toMatchObject([
      { asked: true, rest: [0, null] },
      { asked: true, rest: [0, null] },
    ]);
    expect(fleet.events('worker disconnect')).toEqual([]);
  });
}

test('D3b every other listen() of a worker listens before it returns, on an address of all workers, before prefork() and in serve', async () => {
  const fleet = start({ early: [{ port: 0 }], others: [{ port: 0 }], udp: true });
  await readyPort(fleet);
  for (const when of ['early', 'serve']) {
    await fleet.event('other', { where: (event) => event.when === when, nth: 2 });
    const events = fleet.events('other').filter((event) => event.when === when);
    expect(events.map(({ sync }) => sync)).toEqual([true, true]);
    expect(new Set(events.map(({ address }) => address.port)).size).toBe(1);
    const port = events[0]?.address.port;
    const pids = new Set<number>();
    const both = async (): Promise<boolean> => {
      // Connections that stay are dealt.
      const answers = await Promise.all([1, 2, 3, 4].map(() => httpGet({ port, path: '/slow/50' })));
      for (const answer of answers) pids.add(answer.json().pid);
      return pids.size === 2;
    };
    await eventually(both, { what: 'both workers answer' });
  }
  // A socket of UDP is shared as Node does it.
  await fleet.event('udp', { nth: 2 });
  expect(new Set(fleet.events('udp').map(({ port }) => port)).size).toBe(1);
});

test("D3b an address that another process has is Node's own error on 'error', and the worker serves", async () => {
  const other = start();
  const taken = await readyPort(other);
  const fleet = start({ others: [{ port: taken, host: '127.0.0.1' }] });
  const port = await readyPort(fleet);
  expect(await fleet.event('refused')).toMatchObject({ code: 'EADDRINUSE' });
  expect(fleet.workers()).toContain((await httpGet({ port })).json().pid);
});

for (const sharing of ['shared', 'sharded'] as const) {
  test(
    `D3c three reloads lose no request, on the address of the fleet and on the others: ${sharing}`,
    () => reloads(sharing),
    patience(120_000),
  );
}

async function reloads(sharing: 'shared' | 'sharded'): Promise<void> {
  const fleet = start({ options: { sharing, readyFor: 0 }, others: [{ port: 0, host: '127.0.0.1' }] });
  const port = await readyPort(fleet);
  const { address } = await fleet.event('other');
  const loads = [port, address.port].map((of) => startLoad({ port: of, mode: 'per-request' }));
  await reloadThrice(fleet, loads);
  await eventually(() => fleet.workers().length === 2, { what: 'no replaced worker is left' });
  expect(await fleet.call('ids')).toHaveLength(2);
  // What workers have asked for no later one inherits.
  expect(new Set(fleet.events('serve').map(({ listeners }) => listeners))).toEqual(new Set([1]));
}

test('D3c connections that the master hands out by send() reach workers that serve, over a reload: none is lost', async () => {
  const fleet = start({ options: { readyFor: 0 } });
  await readyPort(fleet);
  const load = startLoad({ port: await fleet.call('handOut'), mode: 'per-request' });
  for (let generation = 1; generation <= 2; generation++) {
    await load.answered(100);
    fleet.kill('SIGHUP');
    await fleet.logged(`reloaded: generation ${generation}`);
  }
  await load.answered(100);
  expectNothingLost(await load.stop());
});

test('D3c a stop finishes what was accepted on every address, and listeners of messages keep no worker', async () => {
  const fleet = start({ options: { shutdownGracePeriod: 20_000 }, others: [{ port: 0, host: '127.0.0.1' }] });
  const port = await readyPort(fleet);
  const { address } = await fleet.event('other');
  const slow = [port, port, address.port, address.port].map((of) => httpGet({ port: of, path: '/slow/600' }));
  await fleet.event('asked', { nth: 4 });
  fleet.kill();
  for (const answer of await Promise.all(slow)) expect(answer.status).toBe(200);
  expect(await fleet.gone({ within: 15_000 })).toEqual({ code: 0, signal: null });
});

test('D3d a worker that is killed is recovered, and node:cluster shows that one', async () => {
  const fleet = start({ options: { workers: 1 } });
  const port = await readyPort(fleet);
  const [pid] = fleet.workers() as [number];
  sendSignal(pid, 'SIGKILL');
  await fleet.logged(/took over from pid/);
  expect(await fleet.event('cluster exit')).toMatchObject({ pid, asked: false, rest: [null, 'SIGKILL'] });
  const { pid: next } = (await httpGet({ port })).json();
  expect(await fleet.call('ids')).toEqual([{ id: 2, pid: next }]);
});

test('D3d worker.disconnect(), of the master or of the worker itself, is a drain, and the slot is filled again', async () => {
  const fleet = start({ options: { workers: 1, recoverInterval: 0 } });
  const port = await readyPort(fleet);
  const slow = httpGet({ port, path: '/slow/400' });
  await fleet.event('asked');
  const [pid] = fleet.workers() as [number];
  await fleet.call('disconnectOne');
  expect((await slow).json()).toMatchObject({ pid });
  await fleet.logged(/took over from pid/);
  expect(await fleet.event('cluster exit')).toMatchObject({ pid, asked: true, rest: [0, null] });
  expect((await httpGet({ port, path: '/disconnect' })).status).toBe(200);
  expect(await fleet.event('cluster exit', { nth: 2 })).toMatchObject({ asked: true, rest: [0, null] });
});

test('D3d no worker outlives a master that was killed, not even one that is blocked', async () => {
  const fleet = start({ options: { shutdownGracePeriod: 1_000 } });
  const port = await readyPort(fleet);
  const workers = fleet.workers();
  httpGet({ port, path: '/blocks' }).catch(() => {});
  fleet.kill('SIGKILL');
  await eventually(() => !workers.some(isAlive), { what: 'every worker has ended' });
});

test('D3f a program that Node does not run is refused, and starts no fleet', async () => {
  const fleet = start({ options: { exec: '/bin/sleep', args: ['60'] } });
  expect(await fleet.event('settled')).toMatchObject({
    ...{ ok: false },
    error: { message: expect.stringContaining("Option 'exec' must be a script, or node, with `cluster: true`") },
  });
});

test('D3f a master without the option loads nothing of it', async () => {
  const fleet = startMaster('lists-modules');
  const { modules } = await fleet.event('modules');
  expect(modules.filter((name: string) => /bundle-(?:cluster|member|hosted)|addresses/.test(name))).toEqual([]);
  expect(modules).toContain('bundle.cjs');
  await fleet.event('builtins', { where: ({ child, loaded }) => loaded === false && child === false });
});
