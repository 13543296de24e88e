import { chmodSync, copyFileSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { makeDeployment } from '../../helpers/deployment.js';
import {
  eachOn,
  eventually,
  httpGet,
  inPackage,
  isAlive,
  type Master,
  patience,
  sendSignal,
  startMaster,
  startReadyFleet,
  target,
  testOn,
  withDescriptors,
} from '../../helpers/index.js';
import { askSteadily } from '../../helpers/steady.js';

/** A copy of node in a folder of its own: what `nvm uninstall` removes. */
function copyOfNode(): string {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-node-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  copyFileSync(target.node, join(folder, 'node'));
  return join(folder, 'node');
}

async function endsWell(master: Master): Promise<void> {
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
}

/** A server in every worker. */
const serving = (options: object): string[] => [JSON.stringify({ options })];

testOn('posixProcesses', 'proc')(
  'N2a a master whose node was removed starts workers from the binary that it runs itself: reload, recovery and scaling go on',
  async () => {
    const node = copyOfNode();
    const wrapper = ['sh', '-c', 'shift; exec "$NODE" "$@"', 'sh'];
    const master = startMaster('fleet', { wrapper, env: { NODE: node }, args: serving({ readyFor: 200 }) });
    const { pids, addresses } = await master.event('onMasterReady');
    rmSync(node);
    expect(await master.call('reload')).toMatchObject({ ok: true, generation: 1 });
    const [first] = master.workers().filter((pid) => !pids.includes(pid));
    sendSignal(first as number, 'SIGKILL');
    expect(await master.event('onChildRecover')).toMatchObject({ oldPid: first });
    await master.call('scale', 3);
    expect((await httpGet({ port: addresses[0].port })).status).toBe(200);
    await endsWell(master);
  },
);

const broken = [
  { code: 'ENOENT', what: 'is gone', act: (file: string) => renameSync(file, `${file}.away`) },
  { code: 'EACCES', what: 'may not be executed', act: (file: string) => chmodSync(file, 0o600) },
];

eachOn(broken, () => ['posixProcesses'])(
  'N2b a program of the workers that $what ($code) costs the slot that was lost and nothing else, for as long as others serve',
  async ({ code, act }) => {
    const exec = copyOfNode();
    const args = [inPackage('test/fixtures/fleet.mjs'), ...serving({})];
    const { master, pids, port } = await startReadyFleet({
      options: { exec, args, readyFor: 100, recoverThreshold: 2, recoverInterval: 20 },
    });
    const [victim, healthy] = pids as [number, number];
    const client = askSteadily({ port });
    act(exec);
    expect(await master.call('reload')).toMatchObject({ ok: false, replaced: [] });
    sendSignal(victim, 'SIGKILL');
    // More often than the threshold allows.
    await eventually(() => (master.stderr.match(/could not be started/g) ?? []).length > 4);
    const why = code === 'ENOENT' ? `${exec} is missing` : `execve ${code}`;
    expect(master.stderr).toContain(`the worker of slot 0 could not be started: ${why}`);
    expect(master.stderr).toContain(exec);
    expect(master.stderr).toContain('not counted, because other slots serve');
    expect(master.stderr).not.toContain('unknown');
    expect(await master.call('status')).toMatchObject({ state: 'running' });
    expect(isAlive(healthy)).toBe(true);
    expect((await client.stop()).length).toBeLessThan(2); // what the killed one had accepted
    chmodSync(code === 'ENOENT' ? `${exec}.away` : exec, 0o700);
    if (code === 'ENOENT') renameSync(`${exec}.away`, exec);
    await master.event('onChildRecover', { within: 20_000 });
    await endsWell(master);
  },
);

testOn('posixProcesses')(
  'N2c when no worker serves and none can be started the fleet ends, and says what could not be started',
  async () => {
    const exec = copyOfNode();
    const args = [inPackage('test/fixtures/fleet.mjs'), ...serving({})];
    const { master, pids } = await startReadyFleet({
      options: { exec, args, readyFor: 100, recoverThreshold: 3, recoverInterval: 20 },
    });
    rmSync(exec);
    for (const pid of pids) sendSignal(pid, 'SIGKILL');
    const { error } = await master.event('settled', { where: ({ child }) => child === false });
    expect(error).toMatchObject({ code: 'ERR_PREFORK_OVER_RECOVERY', cause: { code: 'ENOENT' } });
    expect(error.message).toMatch(`the last one could not be started: ${exec} is missing`);
    expect(await master.gone()).toEqual({ code: 1, signal: null });
  },
);

const free = [0, 3].map((leave) => ({ leave }));

eachOn(free, () => ['posixProcesses', 'proc'])(
  'N2d a master that has $leave descriptors left, for longer than it tries to start a worker, loses no slot, counts nothing and leaks nothing',
  async ({ leave }) => {
    const master = startMaster('short-of-descriptors', {
      wrapper: withDescriptors(200),
      args: [JSON.stringify({ recoverThreshold: 8, recoverInterval: 200, readyTimeout: 10_000, readyFor: 0 })],
    });
    const { pids, addresses } = await master.event('onMasterReady');
    const [victim, healthy] = pids as [number, number];
    const before = await master.call('open');
    await master.call('take', leave);
    sendSignal(victim, 'SIGKILL');
    // Longer than one attempt has: the next is a new one.
    await master.logged(/could not be started[\s\S]*trying again in \d+ ms/, { within: 30_000 });
    expect((await httpGet({ port: addresses[0].port })).body).toBe(String(healthy));
    expect(await master.call('status')).toMatchObject({ state: 'running' });
    await master.call('giveBack');
    expect(await master.event('onChildRecover')).toMatchObject({ newPid: expect.any(Number) });
    expect(master.stderr.match(/exit \d+ of 8/g)).toHaveLength(1);
    expect(await master.call('open')).toBe(before);
    await endsWell(master);
  },
  patience(120_000),
);

test('N2e workers of one slot that die as often as they like never end a fleet in which another one serves', async () => {
  const deployment = makeDeployment();
  const { master, pids, port } = await deployment.start({ readyFor: 200, recoverThreshold: 2, recoverInterval: 10 });
  const client = askSteadily({ port });
  deployment.write(
    '1',
    `import { Server } from 'node:net';
     import { currentWorker } from 'prefork';
     export const version = 2;
     const { listen } = Server.prototype;
     Server.prototype.listen = function (...args) {
       if (currentWorker().id === 0) this.once('listening', () => setTimeout(() => process.exit(3), 50));
       return listen.apply(this, args);
     };`,
  );
  // Both have stayed.
  await eventually(async () => client.answered > 20);
  sendSignal(pids[0] as number, 'SIGKILL');
  await eventually(() => master.events('on exit').length > 5, { within: 40_000 });
  expect(await master.call('status')).toMatchObject({ state: 'running' });
  expect(isAlive(pids[1] as number)).toBe(true);
  deployment.write('1', 'export const version = 3;');
  await eventually(() => master.events('serve').some(({ version }) => version === 3), { within: 40_000 });
  await endsWell(master);
});

test.each([{ workers: 1 }, { workers: 2 }])(
  'N2f an empty slot is filled although a reload had a worker on its way when its recovery was due, and that one failed ($workers workers)',
  async ({ workers }) => {
    const deployment = makeDeployment();
    const { master, pids, port } = await deployment.start({ workers, recoverInterval: 1_000, recoverThreshold: 100 });
    sendSignal(pids[0] as number, 'SIGKILL');
    await master.logged('slot 0 is filled again in 1000 ms');
    deployment.write('1', 'await new Promise((turn) => setTimeout(turn, 1_500)); throw new Error("no good");');
    expect(await master.call('reload')).toMatchObject({ ok: false });
    deployment.write('1', 'export const version = 3;');
    await eventually(async () => {
      const status = await master.call('status');
      return status.workers.filter(({ state }: { state: string }) => state === 'ready').length === workers;
    });
    expect((await httpGet({ port })).status).toBe(200);
    await endsWell(master);
  },
);
