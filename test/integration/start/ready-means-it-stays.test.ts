import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { makeDeployment } from '../../helpers/deployment.js';
import {
  eachOn,
  eventually,
  httpGet,
  KILLED,
  type Master,
  sendSignal,
  startMaster,
  testOn,
} from '../../helpers/index.js';
import { eachSharing, LOSSLESS } from '../../helpers/sharing.js';
import { askSteadily } from '../../helpers/steady.js';

/** A release whose workers do `what` in the turn in which they listen, before the kernel gives them a connection. */
const inTheTurn = (what: string): string => `
  import { Server } from 'node:net';
  export const version = 2;
  const { listen } = Server.prototype;
  Server.prototype.listen = function (...args) {
    Server.prototype.listen = listen;
    this.once('listening', () => { ${what} });
    return this.listen(...args);
  };`;
/** The same so many milliseconds later. */
const afterListening = (ms: number, what: string): string => inTheTurn(`setTimeout(() => { ${what} }, ${ms})`);
const THROWS = "throw new Error('too soon');";
/** A process that gets no CPU meanwhile takes long to die. Milliseconds. */
const PATIENT = { readyFor: 3_000 };

async function pidsOf(master: Master): Promise<number[]> {
  const { workers } = await master.call('status');
  return workers.filter(({ state }: { state: string }) => state === 'ready').map(({ pid }: { pid: number }) => pid);
}

/** In the turn in which it listens nothing was accepted yet. Later, a worker takes with it what it had accepted. */
const moments = LOSSLESS.flatMap((sharing) => [
  { sharing, when: 'in the turn in which it listens', dies: inTheTurn(THROWS), lost: 0 },
  ...[0, 100, 700].map((ms) => ({
    sharing,
    when: `${ms} ms after it listens`,
    dies: afterListening(ms, THROWS),
    // Of a client that asks one thing at a time.
    lost: 1,
  })),
]);

eachSharing(moments)(
  'N1a code that dies $when fails its reload, takes no slot, and no client notices but those whose connections it had ($sharing)',
  async ({ sharing, dies, lost }) => {
    const deployment = makeDeployment();
    const { master, pids, port } = await deployment.start({ workers: 4, sharing, ...PATIENT });
    const client = askSteadily({ port });
    await eventually(() => client.answered > 2);
    deployment.write('1', dies);
    const verdict = await master.call('reload');
    expect(verdict).toMatchObject({
      ok: false,
      generation: 0,
      replaced: [],
      error: { code: 'ERR_PREFORK_BOOT_FAILED', cause: { message: 'too soon' } },
    });
    const before = client.answered;
    await eventually(() => client.answered > before + 2);
    expect((await client.stop()).length).toBeLessThanOrEqual(lost);
    expect(await eventually(async () => (await pidsOf(master)).length === 4 && pidsOf(master))).toEqual(pids);
    expect(await master.call('status')).toMatchObject({ state: 'running', recoveries: 0 });
    deployment.write('1', 'export const version = 3;');
    expect(await master.call('reload')).toMatchObject({ ok: true, generation: 1 });
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
  },
);

test('N1b a second server of a worker that cannot listen in the same turn is a boot failure, whichever comes first', async () => {
  const deployment = makeDeployment();
  const { master, pids, port } = await deployment.start({ workers: 2 });
  const client = askSteadily({ port });
  // The master's own address: another socket that wants it finds it taken.
  const taken = `import { createServer, Server } from 'node:net';
    export const version = 2;
    const { listen } = Server.prototype;
    Server.prototype.listen = function (...args) {
      Server.prototype.listen = listen;
      const second = () => createServer().listen(${port}, '127.0.0.1');
      FIRST;
      return this;
    };`;
  for (const order of ['second(); this.listen(...args)', 'this.listen(...args); second()']) {
    deployment.write('1', taken.replace('FIRST', order));
    expect(await master.call('reload'), order).toMatchObject({
      ok: false,
      replaced: [],
      error: { code: 'ERR_PREFORK_BOOT_FAILED', cause: { code: 'EADDRINUSE' } },
    });
  }
  expect(await client.stop()).toEqual([]);
  expect((await pidsOf(master)).sort()).toEqual([...pids].sort());
  expect(await master.call('status')).toMatchObject({ state: 'running', generation: 0, recoveries: 0 });
});

test('N1c a fleet with one worker keeps it until the new one has stayed, although its code is gone', async () => {
  const deployment = makeDeployment();
  const { master, pids, port } = await deployment.start({ workers: 1, ...PATIENT });
  const client = askSteadily({ port });
  for (const code of [
    afterListening(300, 'process.exit(3);'),
    afterListening(700, 'process.kill(process.pid, "SIGKILL");'),
  ]) {
    deployment.write('1', code);
    expect(await master.call('reload')).toMatchObject({ ok: false, replaced: [] });
  }
  expect((await client.stop()).length).toBeLessThanOrEqual(2); // of each that died one at most
  expect(await eventually(async () => (await pidsOf(master)).length === 1 && pidsOf(master))).toEqual(pids);
});

test('N1d a worker of the new generation that is killed during the reload stops it; its slot is filled by the old generation', async () => {
  const deployment = makeDeployment();
  // The end of the reload is far away, also for a test that gets no CPU for a while.
  const { master, port } = await deployment.start({ workers: 4, readyFor: 2_500 });
  const client = askSteadily({ port });
  deployment.write('1', 'export const version = 2;');
  const reloading = master.call('reload');
  // The worker of the second slot boots: the first one has changed hands, and its trial is over. Its old worker may take any time to end.
  await master.event('serve', { nth: 6 });
  const pid = master.events('on spawn')[4]?.['args'][0];
  sendSignal(pid, 'SIGKILL');
  const verdict = await reloading;
  expect(verdict).toMatchObject({ ok: false, generation: 0, error: { exits: [{ pid, ...KILLED }] } });
  expect(verdict.replaced.map(({ newPid }: { newPid: number }) => newPid)).not.toContain(pid);
  const workers = await eventually(async () => {
    const status = await master.call('status');
    return status.workers.filter(({ state }: { state: string }) => state === 'ready').length === 4 && status.workers;
  });
  expect(workers[0]).toMatchObject({ slot: 0, generation: 0 });
  expect((await httpGet({ port })).status).toBe(200);
  expect((await client.stop()).length).toBeLessThan(2); // what the killed one had accepted
});

testOn('posixProcesses')(
  'N1a a new worker that ended in its trial takes no slot, although the master got no CPU when it did',
  async () => {
    const deployment = makeDeployment();
    const { master, pids, port } = await deployment.start({ workers: 1, ...PATIENT });
    deployment.write('1', afterListening(700, THROWS));
    const verdict = master.call('reload');
    await master.event('serve', { nth: 2 });
    await delay(300);
    sendSignal(master.pid, 'SIGSTOP');
    await delay(4_500);
    sendSignal(master.pid, 'SIGCONT');
    expect(await verdict).toMatchObject({ ok: false, generation: 0, replaced: [] });
    expect(await pidsOf(master)).toEqual(pids);
    expect((await httpGet({ port })).status).toBe(200);
  },
);

test('N1e reload() and scale() resolve when the last new worker has stayed', async () => {
  const deployment = makeDeployment();
  const { master } = await deployment.start({ workers: 2, readyFor: 2_000 });
  expect(await master.call('reload')).toMatchObject({ ok: true });
  const [{ at: asked }, { at: done }] = [await master.event('serve', { nth: 4 }), await master.event('on reload')];
  expect(done - asked).toBeGreaterThan(1_999);
  deployment.write('1', afterListening(200, THROWS));
  await expect(master.call('scale', 3)).rejects.toMatchObject({ code: 'ERR_PREFORK_BOOT_FAILED' });
  deployment.write('1', 'export const version = 3;');
  await eventually(async () => (await pidsOf(master)).length === 3);
});

// A worker that gets no CPU takes long from serve() to ready.
test('N1f readyFor: 0 asks for no more than ready, and its reload waits for nothing else', { retry: 2 }, async () => {
  const deployment = makeDeployment();
  const { master } = await deployment.start({ workers: 2, readyFor: 0, recoverThreshold: 0 });
  const mayDie = join(deployment.folder, 'may-die');
  deployment.write(
    '1',
    `import { existsSync } from 'node:fs';
    ${inTheTurn(`setInterval(() => { if (existsSync(${JSON.stringify(mayDie)})) ${THROWS} }, 10)`)}`,
  );
  expect(await master.call('reload')).toMatchObject({ ok: true, generation: 1 });
  const [{ at: asked }, { at: done }] = [await master.event('serve', { nth: 4 }), await master.event('on reload')];
  // A trial lasts for a second, unless the option says otherwise.
  expect(done - asked).toBeLessThan(900);
  writeFileSync(mayDie, '');
  expect(await master.gone()).toMatchObject({ code: 1 });
});

test('N1g a successor that dies soon leaves the worker that is recycled where it is', async () => {
  const deployment = makeDeployment();
  const { master, pids, port } = await deployment.start({
    workers: 1,
    recycle: { maxRequests: 1, jitter: 0 },
    ...PATIENT,
  });
  deployment.write('1', afterListening(300, THROWS));
  const first = (await httpGet({ port })).json().pid;
  await master.logged('its successor failed');
  expect(master.stderr).toContain('too soon');
  expect((await httpGet({ port })).json().pid).toBe(first);
  expect(await pidsOf(master)).toEqual(pids);
});

const killed = (['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGKILL'] as const).flatMap((signal) =>
  [1, 2].map((kills) => ({ signal, kills })),
);

eachOn(killed, () => ['posixProcesses'])(
  'N1h nothing reports a first start as ready when $signal ended $kills of its 2 workers',
  async ({ signal, kills }) => {
    const attempt = async () => {
      const master = startMaster('first-start', { args: [JSON.stringify({ signal, kills })] });
      return { master, result: await master.event('failed') };
    };
    let { master, result } = await attempt();
    while (result['late'] === true) ({ master, result } = await attempt());
    const { error } = result;
    expect(error).toMatchObject({ code: 'ERR_PREFORK_BOOT_FAILED', exits: [{ signal, code: null }] });
    expect(await master.gone()).toEqual({ code: 0, signal: null });
    expect(master.events('onMasterReady')).toEqual([]);
    expect(master.events('on ready')).toEqual([]);
    expect(master.events('started')).toEqual([]);
    expect(master.stderr).not.toMatch(/(is|are) ready on/);
  },
);

test('N1i a worker that was ready and ends while others still boot is a boot failure of the first start', async () => {
  const master = startMaster('first-start', { args: [JSON.stringify({ dies: 1_000 })] });
  const { error } = await master.event('failed');
  expect(error).toMatchObject({ code: 'ERR_PREFORK_BOOT_FAILED', exits: [{ code: 3, slot: 0 }] });
  expect(error.message).toMatch(/exited with code 3 \d+ ms after it was ready/);
  expect(await master.gone()).toEqual({ code: 0, signal: null });
  expect([...master.events('onMasterReady'), ...master.events('on ready')]).toEqual([]);
});
