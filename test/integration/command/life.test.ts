import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { readyPort, startCommand, startHosted } from '../../helpers/command.js';
import { folderWith } from '../../helpers/folder.js';
import { bounded, eventually, httpGet, isAlive, patience, sendSignal, untilDead } from '../../helpers/index.js';
import { reloadThrice, startLoad } from '../../helpers/load.js';
import { startProgram } from '../../helpers/master.js';
import { testOnLinux as test } from '../../helpers/skip.js';
import { inPackage, target } from '../../helpers/target.js';

for (const mode of ['per-request', 'keep-alive'] as const) {
  test(`D2a three reloads of an unmodified program lose no request: ${mode}`, async () => {
    const fleet = startHosted({ keeps: true }, { options: ['--grace', '20s'] });
    const load = startLoad({ port: await readyPort(fleet), mode });
    const [report] = await reloadThrice(fleet, [load]);
    expect(Object.keys(report?.pids ?? {}).length).toBeGreaterThan(4);
    await eventually(() => fleet.workers().length === 2, { what: 'no replaced worker is left' });
    fleet.kill();
    expect(await fleet.gone({ within: 15_000 })).toEqual({ code: 0, signal: null });
  });
}

test('D2b a stop finishes every request that was accepted, although the program keeps itself alive and has no handler', async () => {
  const fleet = startHosted({ keeps: true });
  const port = await readyPort(fleet);
  const slow = Array.from({ length: 8 }, () => httpGet({ port, path: '/slow/800' }));
  await fleet.event('asked', { nth: 8 });
  fleet.kill();
  for (const answer of await Promise.all(slow)) expect(answer.status).toBe(200);
  expect(await fleet.gone()).toEqual({ code: 0, signal: null });
});

test('D2c a program that handles SIGTERM hears it once, after its last answer, and has its time to clean up', async () => {
  const fleet = startHosted({ cleanup: 100, keeps: true }, { options: ['--workers', '1'] });
  const port = await readyPort(fleet);
  const slow = httpGet({ port, path: '/slow/500' });
  await fleet.event('asked');
  fleet.kill();
  expect((await slow).status).toBe(200);
  expect(await fleet.gone()).toEqual({ code: 0, signal: null });
  const names = fleet.events().map(({ event }) => event);
  expect(names.filter((name) => name === 'cleaning')).toHaveLength(1);
  expect(names.filter((name) => name === 'cleaned')).toHaveLength(1);
  expect(names.indexOf('cleaning')).toBeGreaterThan(names.indexOf('asked'));
});

test('a program that closes its server when it hears SIGTERM hears of no error, and code 143 is an end as asked for', async () => {
  const fleet = startHosted({ closes: true, keeps: true }, { options: ['--workers', '1'] });
  await readyPort(fleet);
  fleet.kill('SIGHUP');
  await fleet.logged(/reloaded: generation 1/);
  fleet.kill();
  expect(await fleet.gone()).toEqual({ code: 0, signal: null });
  expect(fleet.events('closed').map(({ code }) => code)).toEqual([undefined, undefined]);
  expect(fleet.stderr).not.toContain('code 143');
});

test('a program that removes its handler of SIGTERM and sends itself the signal again ends with it', async () => {
  const fleet = startHosted({ resends: true, keeps: true }, { options: ['--workers', '1', '--grace', '20s'] });
  await readyPort(fleet);
  fleet.kill();
  expect(await fleet.gone({ within: 15_000 })).toEqual({ code: 0, signal: null });
  expect(fleet.events('resends')).toHaveLength(1);
});

test('a program that ends its worker as cluster has it, by cluster.worker.disconnect(), finishes its answers and is replaced', async () => {
  const fleet = startHosted({ keeps: true }, { options: ['--workers', '1'] });
  const port = await readyPort(fleet);
  const [pid] = fleet.workers() as [number];
  const slow = httpGet({ port, path: '/slow/300' });
  await fleet.event('asked');
  expect((await httpGet({ port, path: '/disconnect' })).json()).toEqual({ pid });
  expect((await slow).json()).toEqual({ pid });
  await eventually(async () => (await httpGet({ port })).json().pid !== pid, { what: 'another worker answers' });
  await fleet.logged(/took over from pid/);
});

test('a program that leaves the channel by process.disconnect() serves on, and can send nothing any more', async () => {
  const fleet = startHosted({ disconnects: true }, { options: ['--workers', '1'] });
  const port = await readyPort(fleet);
  expect(await fleet.event('disconnected')).toMatchObject({ connected: false, sent: false });
  expect((await httpGet({ port })).status).toBe(200);
  fleet.kill();
  expect(await fleet.gone()).toEqual({ code: 0, signal: null });
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`D2i ${signal} to the whole group, and a program that exits in its handler: every accepted request is answered first`, async () => {
    const fleet = startHosted({ exitsAt: [signal], keeps: true });
    const port = await readyPort(fleet);
    const slow = Array.from({ length: 6 }, () => httpGet({ port, path: '/slow/500' }));
    await fleet.event('asked', { nth: 6 });
    fleet.killGroup(signal);
    for (const answer of await Promise.all(slow)) expect(answer.status).toBe(200);
    expect(await fleet.gone()).toEqual({ code: 0, signal: null });
    expect(fleet.events('exits').map((event) => event.signal)).toEqual([signal, signal]);
  });
}

test('D2d a worker that is killed is recovered on the same port', async () => {
  const fleet = startHosted({}, { options: ['--workers', '1'] });
  const port = await readyPort(fleet);
  const [pid] = fleet.workers() as [number];
  sendSignal(pid, 'SIGKILL');
  await fleet.logged(/took over from pid/);
  expect((await httpGet({ port })).json().pid).not.toBe(pid);
});

test('D2e no worker outlives a master that was killed, not even one that is blocked', async () => {
  const fleet = startHosted({ keeps: true }, { options: ['--workers', '2', '--grace', '1s'] });
  const port = await readyPort(fleet);
  const workers = fleet.workers();
  httpGet({ port, path: '/blocks' }).catch(() => {});
  fleet.kill('SIGKILL');
  await Promise.all(workers.map((pid) => bounded(untilDead(pid), 10_000, `worker ${pid} ends`)));
  expect(workers.filter(isAlive)).toEqual([]);
});

test('D2f with --wait-ready a worker is ready when the program says so, and not before', async () => {
  const fleet = startHosted({ ready: 400 }, { options: ['--workers', '1', '--wait-ready'] });
  const listening = await fleet.event('listening');
  await readyPort(fleet);
  const { at } = await fleet.event('started');
  expect(listening.at).toBeGreaterThan(at);
  const never = startHosted({}, { options: ['--workers', '1', '--wait-ready', '--ready-timeout', '700'] });
  expect(await never.gone()).toMatchObject({ code: 1 });
  expect(never.stderr).toMatch(
    /was not ready within 700 ms and is killed; does the program call process.send\('ready'\)\?/,
  );
});

test('D2f a program that is to stop before it said that it is ready answers what it has accepted, hears SIGTERM and is gone', async () => {
  const options = ['--workers', '1', '--wait-ready', '--grace', '60s'];
  const fleet = startHosted({ exitsAt: ['SIGTERM'], keeps: true }, { options });
  const { address } = await fleet.event('listening');
  const slow = httpGet({ port: (address as { port: number }).port, path: '/slow/500' });
  await fleet.event('asked');
  fleet.kill();
  expect((await slow).status).toBe(200);
  expect(await fleet.gone({ within: 10_000 })).toEqual({ code: 0, signal: null });
  expect(fleet.events('exits')).toMatchObject([{ signal: 'SIGTERM' }]);
});

test('D2i a worker that gets SIGTERM in the moment in which it begins to hear it leaves, and another one takes its place', async () => {
  const file = join(folderWith({}), 'the next one');
  const env = {
    NODE_OPTIONS: `--require ${inPackage('test/fixtures/signalled-at-once.cjs')}`,
    SIGNALLED_AT_ONCE: file,
  };
  const fleet = startHosted({ keeps: true }, { env, options: ['--workers', '1', '--grace', '20s'] });
  await readyPort(fleet);
  writeFileSync(file, '');
  fleet.kill('SIGTTIN');
  await fleet.logged(/worker 1 \(pid \d+, generation 0\) got SIGTERM/);
  await fleet.logged(/worker 1 .*generation 0\) took over from pid/);
  fleet.kill();
  expect(await fleet.gone({ within: 15_000 })).toEqual({ code: 0, signal: null });
});

/** Milliseconds. */
const READY_TIMEOUT = patience(1_500);
const FAILURES = [
  { what: 'ends by itself at once', hosted: { listens: [] }, more: [], says: /exited with code 0 before it was ready/ },
  { what: 'throws', hosted: { throws: true }, more: [], says: /the program is broken/ },
  {
    what: 'never listens',
    hosted: { listens: [], keeps: true },
    more: ['--ready-timeout', String(READY_TIMEOUT)],
    says: new RegExp(`not ready within ${READY_TIMEOUT} ms`),
  },
];
for (const { what, hosted, more, says } of FAILURES) {
  test(`D2g a program that ${what} is a failure that says so, exit code 1, and leaves nothing behind`, async () => {
    const fleet = startHosted(hosted, { options: ['--workers', '2', ...more] });
    expect(await fleet.gone()).toEqual({ code: 1, signal: null });
    expect(fleet.stderr).toMatch(says);
    expect(fleet.stderr).not.toContain('bundle.cjs:');
  });
}

test('what CI runs of the command on macOS ends well here', async () => {
  const life = startProgram(target.node, { args: [inPackage('test/fixtures/whole-life-of-command.mjs')] });
  expect(await life.gone({ within: 29_000 })).toEqual({ code: 0, signal: null });
  expect(life.stdout).toContain('served by the command, recovered, reloaded, stopped');
});

test('D2h a program that calls prefork() itself is told apart: it is started with node', async () => {
  const fleet = startCommand({ program: 'whole-life.mjs', options: ['--workers', '1'] });
  expect(await fleet.gone()).toMatchObject({ code: 1 });
  expect(fleet.stderr).toContain('start it with node, not with the command prefork');
});
