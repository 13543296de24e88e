import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { type FixtureEvent, httpGet, type Master, sendSignal, startMaster } from '../../helpers/index.js';
import { overAndClean, spawned } from '../../helpers/whole-run.js';

type Label = 'first' | 'second';
interface Answer {
  readonly fleet: Label;
  readonly pid: number;
}

const of = (fleet: Label) => ({ where: (event: FixtureEvent) => event['fleet'] === fleet });

function startBoth(config: Readonly<Record<string, unknown>> = {}): Master {
  return startMaster('two-fleets', { args: [JSON.stringify(config)] });
}

async function ready(master: Master, label: Label): Promise<{ port: number; pids: number[] }> {
  const { addresses, pids } = await master.event('onMasterReady', of(label));
  return { port: addresses[0].port, pids };
}

const ask = async (port: number): Promise<Answer> => (await httpGet({ port })).json<Answer>();

test('W18 two fleets of one program serve side by side, each worker for its own fleet only', async () => {
  const master = startBoth();
  const [first, second] = [await ready(master, 'first'), await ready(master, 'second')];
  expect(first.port).not.toBe(second.port);
  for (const [label, { port, pids }] of Object.entries({ first, second })) {
    const answer = await ask(port);
    expect(answer.fleet).toBe(label);
    expect(pids).toContain(answer.pid);
  }
  // No worker has a socket of the other fleet.
  const served = master
    .events('serve')
    .map(({ fleet, listeners }) => [fleet, listeners.map(({ port }: { port: number }) => port)]);
  expect(served.filter(([fleet]) => fleet === 'first')).toEqual([
    ['first', [first.port]],
    ['first', [first.port]],
  ]);
  expect(served.filter(([fleet]) => fleet === 'second')).toEqual([
    ['second', [second.port]],
    ['second', [second.port]],
  ]);
  expect(new Set(spawned(master))).toEqual(new Set([...first.pids, ...second.pids]));

  master.kill('SIGTERM');
  const { exit } = await overAndClean(master);
  expect(exit).toEqual({ code: 0, signal: null });
  const settled = master.events('settled');
  expect(settled.filter(({ ok }) => !ok)).toEqual([]);
  // In the master and in every worker the promises of both fleets settle.
  for (const pid of [master.pid, ...first.pids, ...second.pids]) {
    expect(settled.flatMap((event) => (event['pid'] === pid ? [event['fleet']] : [])).toSorted()).toEqual([
      'first',
      'second',
    ]);
  }
});

test('W18 a worker that dies is recovered in its own fleet, and one fleet stops without the other', async () => {
  const master = startBoth({ first: { name: 'api' }, second: { name: 'admin' } });
  const [first, second] = [await ready(master, 'first'), await ready(master, 'second')];
  sendSignal(second.pids[0] as number, 'SIGKILL');
  const { oldPid } = await master.event('onChildRecover', of('second'));
  expect(oldPid).toBe(second.pids[0]);
  expect(master.events('onChildRecover')).toHaveLength(1);

  await master.call('stop', 'second');
  expect(await master.event('settled', { where: ({ fleet, child }) => fleet === 'second' && !child })).toMatchObject({
    ok: true,
  });
  await expect(ask(second.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  expect((await ask(first.port)).fleet).toBe('first');
  expect(await master.call('status', 'first')).toMatchObject({ state: 'running', recoveries: 0 });
  expect(await master.call('status', 'second')).toMatchObject({ state: 'stopped', workers: [] });
  expect(new Set(master.workers())).toEqual(new Set(first.pids));
  expect(await master.logged(/prefork\[admin\] master \d+: stopped/)).toContain('admin');

  master.kill('SIGTERM');
  expect((await overAndClean(master)).exit).toEqual({ code: 0, signal: null });
});

test('W18 a fleet that fails to start leaves the other one alone', async () => {
  const master = startBoth({ boot: 'throw' });
  const first = await ready(master, 'first');
  const failed = await master.event('settled', { where: ({ fleet, child }) => fleet === 'second' && !child });
  expect(failed['error']).toMatchObject({ code: 'ERR_PREFORK_BOOT_FAILED', cause: { message: 'thrown by serve' } });
  expect((await ask(first.port)).fleet).toBe('first');
  expect(new Set(master.workers())).toEqual(new Set(first.pids));
  master.kill('SIGTERM');
  await overAndClean(master);
  expect(master.events('settled').filter(({ fleet, child }) => fleet === 'first' && !child)).toMatchObject([
    { ok: true },
  ]);
});

test('W18 a third fleet may not take the name of a running one', async () => {
  const master = startBoth({ first: { name: 'taken' } });
  const { port } = await ready(master, 'first');
  await ready(master, 'second');
  await expect(master.call('another', { name: 'taken' })).rejects.toMatchObject({
    code: 'ERR_PREFORK_INVALID_OPTION',
    option: 'name',
  });
  expect((await ask(port)).fleet).toBe('first');
  expect(spawned(master)).toHaveLength(4);
  master.kill('SIGTERM');
  expect((await overAndClean(master)).exit).toEqual({ code: 0, signal: null });
});

test.each(['alone', 'beside'])(
  'W18 a prefork() without a name that failed may be called again: the workers of the second one serve (%s)',
  async (beside) => {
    const taken = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void taken.close());
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const master = startMaster('tries-again', { args: [String(port), beside] });
    const { pids, addresses } = await master.event('ready');
    expect(master.events('failed')).toMatchObject([{ code: 'EADDRINUSE' }]);
    expect((await httpGet({ port: addresses[0].port })).body).toBe(String(pids[0]));
    if (beside === 'beside') await master.event('ready beside');
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
    expect(master.stderr).not.toContain('the program waits for fleet');
  },
);
