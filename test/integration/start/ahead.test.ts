/** What a plain fleet does before it loads the master: it binds, and spawns its first worker. */

import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import {
  environmentOf,
  isAlive,
  type Master,
  openFds,
  patience,
  startMaster,
  testOn,
  untilDead,
} from '../../helpers/index.js';

type Then = 'stop' | 'argue';

function start(options: object = {}, then?: Then, env: Readonly<Record<string, string>> = {}): Master {
  return startMaster('spawns', { args: [JSON.stringify({ options, then })], env: { PWD: process.cwd(), ...env } });
}

/** Each process that was spawned, and whether the master was loaded by then. */
function spawns(master: Master): readonly { readonly pid: number; readonly loaded: boolean }[] {
  return master.events('spawned').map(({ pid, loaded }) => ({ pid, loaded: loaded.includes('bundle-master.cjs') }));
}

async function stop(master: Master): Promise<void> {
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
  await expectNothingLeft(master);
}

async function expectNothingLeft(master: Master): Promise<void> {
  const { children, descriptors, signals } = await master.event('left');
  expect({ children, descriptors, signals }).toEqual({ children: [], descriptors: [], signals: [] });
}

testOn('sharding')(
  'a plain fleet spawns its first worker before it loads the master, and no other one of its workers',
  async () => {
    const master = start();
    const { pids } = await master.event('ready');
    expect(spawns(master)).toEqual([
      { pid: pids[0], loaded: false },
      { pid: pids[1], loaded: true },
    ]);
    await stop(master);
  },
);

testOn('sharding')('the worker that was spawned first is given what every other one is given', async () => {
  const master = start();
  const { pids } = await master.event('ready');
  const [first, second] = pids.map((pid: number) => {
    const runs = master.events('runs').find(({ from }) => from === pid);
    const serves = master.events('serves').find(({ from }) => from === pid);
    const environment = environmentOf(pid);
    const variables = ['PREFORK_CHILD', 'PREFORK_CONTROL_FD', 'LISTEN_FDS', 'LISTEN_FDNAMES', 'PREFORK_MASTER_PID'];
    return {
      argv: runs?.['argv'],
      seen: runs?.['seen'],
      listeners: serves?.['listeners'],
      socket: openFds(pid).get(3),
      own: environment.get('LISTEN_PID') === String(pid),
      variables: variables.map((name) => environment.get(name)),
    };
  });
  expect(first).toEqual(second);
  expect(first).toMatchObject({ argv: [], seen: [], own: true, listeners: [{ fd: 3 }] });
  await stop(master);
});

testOn('sharding')('C3 a plain fleet whose address is taken spawns nothing', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const { port } = holder.address() as AddressInfo;
  const master = start({ listen: ['127.0.0.1:0', `127.0.0.1:${port}`] });
  expect(await master.event('failed')).toMatchObject({ error: { code: 'EADDRINUSE', port } });
  expect(await master.gone()).toEqual({ code: 0, signal: null });
  expect(spawns(master)).toEqual([]);
  await expectNothingLeft(master);
  holder.close();
});

testOn('sharding')(
  'a fleet whose options the master acts on first, or whose environment says more, loads the master first',
  async () => {
    const others: readonly (readonly [object, Record<string, string>?])[] = [
      [{ sharing: 'sharded' }],
      [{ pidFile: join(tmpdir(), `prefork-ahead-${process.pid}.pid`) }],
      [{ livenessTimeout: 10_000 }],
      [{ env: { MORE: '1' } }],
      [{ stdio: 'inherit' }],
      [{}, { NODE_OPTIONS: '--no-warnings' }],
      [{}, { PWD: '/' }],
    ];
    for (const [options, env] of others) {
      const master = start(options, undefined, env);
      await master.event('ready');
      expect(
        spawns(master).map(({ loaded }) => loaded),
        JSON.stringify([options, env]),
      ).toEqual([true, true]);
      await stop(master);
    }
  },
  patience(120_000),
);

testOn('sharding')(
  'a worker that the master would start otherwise by now has run nothing, and another one takes its place',
  async () => {
    const master = start({}, 'argue');
    const { pids } = await master.event('ready');
    const [early, ...workers] = spawns(master);
    expect(early?.loaded).toBe(false);
    expect(workers.map(({ pid }) => pid)).toEqual(pids);
    await untilDead(early?.pid ?? 0);
    const ran = master.events('runs').filter(({ child }) => child === true);
    expect(ran.map(({ from, argv }) => [from, argv])).toEqual(
      expect.arrayContaining(pids.map((pid: number) => [pid, ['more']])),
    );
    expect(ran).toHaveLength(2);
    await stop(master);
  },
);

testOn('sharding')('a fleet that is stopped as it starts leaves nothing of its first worker', async () => {
  const master = start({}, 'stop');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
  await expectNothingLeft(master);
  for (const { pid } of spawns(master)) expect(isAlive(pid)).toBe(false);
});
