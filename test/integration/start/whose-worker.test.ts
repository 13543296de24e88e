import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { asFixture, copyPackage } from '../../helpers/copies.js';
import { httpGet, inPackage, openFds, startFleet, startMaster, target, testOn } from '../../helpers/index.js';

test.each(['execFile', 'spawn', 'fork'])(
  "W18 a worker's own child is no worker and has nothing of one (%s)",
  async (way) => {
    const master = startMaster('starts-grandchildren');
    const { pids, addresses } = await master.event('onMasterReady');
    const answer = (await httpGet({ port: addresses[0].port, path: `/${way}` })).json<Record<string, unknown>>();
    expect(answer).toMatchObject({ worker: true, child: false, context: false, names: [] });
    expect(answer['execArgv']).toEqual([]);
    if (target.lacks.proc !== undefined) return;
    // A pipe of Node's is a socket, too: only those of the worker itself are looked for.
    const ofWorker = [...openFds(pids[0])].filter(([fd]) => fd >= 3).map(([, held]) => held);
    for (const socket of answer['sockets'] as string[]) expect(ofWorker).not.toContain(socket);
  },
);

test("W18 a worker's thread is no worker of its own", async () => {
  const master = startMaster('starts-grandchildren');
  const { addresses } = await master.event('onMasterReady');
  const answer = (await httpGet({ port: addresses[0].port, path: '/worker%20thread' })).json<Record<string, unknown>>();
  expect(answer).toMatchObject({ worker: true, child: false, context: false });
});

test('W18 the environment of a shell that a worker starts names neither fleet nor listeners', async () => {
  const master = startMaster('starts-grandchildren');
  const { addresses } = await master.event('onMasterReady');
  const { output } = (await httpGet({ port: addresses[0].port, path: '/shell' })).json<{ output: string }>();
  expect(output).not.toMatch(/^(PREFORK_(?!TEST)|LISTEN_)/m);
});

test('W18 a program that a worker runs may be a master of its own, with a fleet of its own', async () => {
  // The master of the inner fleet is started with the whole environment of a worker of the outer one.
  const outer = startFleet({ options: { workers: 1 } });
  const { addresses } = await outer.event('onMasterReady');
  const env = (await httpGet({ port: addresses[0].port, path: '/env' })).json<Record<string, string>>();
  const inner = startFleet({ options: { workers: 1 } }, { env });
  const ready = await inner.event('onMasterReady');
  expect((await httpGet({ port: ready.addresses[0].port })).json().pid).toBe(ready.pids[0]);
  expect(ready.pids).not.toEqual((await outer.event('onMasterReady')).pids);
});

const folder = mkdtempSync(join(tmpdir(), 'prefork-two-copies-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The package as it would be installed at `parent`. */
function install(parent: string): void {
  copyPackage(join(parent, 'node_modules', 'prefork'));
}

/** A program with one copy of the package, and a library in its tree with another. */
function project(program: string): string {
  const home = mkdtempSync(join(folder, 'program-'));
  const library = join(home, 'node_modules', 'library');
  mkdirSync(library, { recursive: true });
  install(home);
  install(library);
  writeFileSync(join(library, 'package.json'), '{"name":"library","type":"module","exports":"./index.mjs"}');
  writeFileSync(join(library, 'index.mjs'), "export * from 'prefork';\n");
  for (const name of ['report.mjs', 'commands.mjs']) cpSync(inPackage(`test/fixtures/${name}`), join(home, name));
  writeFileSync(join(home, 'program.mjs'), program);
  return join(home, 'program.mjs');
}

const HEAD = `
import { createServer } from 'node:http';
import * as first from 'prefork';
import * as second from 'library';
import { plain, report } from './report.mjs';
if (first.Prefork === second.Prefork) throw new Error('one copy only');
report('program', { pid: process.pid, first: first.isChild(), second: second.isChild() });
const serve = (label) => (listener, { id }) => {
  report('serve', { label, pid: process.pid, port: listener.port });
  return createServer((_request, response) => response.end(JSON.stringify({ label, pid: process.pid, slot: id }))).listen(listener);
};
const fleet = (copy, label) => {
  const made = new copy.Prefork({
    listen: '127.0.0.1:0', workers: 1, serve: serve(label),
    onMasterReady: (pids) => report('onMasterReady', { label, pids, port: made.addresses[0].port }),
  });
  return made;
};
`;

test('W18 a second copy of the package in a worker agrees that this is a worker, and refuses to be a master there', async () => {
  const file = project(`${HEAD}
const mine = fleet(first, 'first');
if (first.isChild()) {
  const other = new second.Prefork({ name: 'library', listen: '127.0.0.1:0', workers: 1, serve() {} });
  report('refused', { code: await other.start().then(() => 'started', ({ code }) => code) });
}
await mine.listenAndServe();
`);
  const master = startMaster(asFixture(file));
  const { pids, port } = await master.event('onMasterReady');
  expect(master.events('program')).toMatchObject([
    { first: false, second: false },
    { pid: pids[0], first: true, second: true },
  ]);
  expect(master.events('refused')).toMatchObject([{ from: pids[0], code: 'ERR_PREFORK_NOT_MASTER' }]);
  expect((await httpGet({ port })).json()).toMatchObject({ pid: pids[0] });
  expect(master.workers()).toEqual(pids);
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
});

test('W18 two fleets of two copies of the package work side by side, each with workers of its own', async () => {
  const file = project(`${HEAD}
await Promise.all([fleet(first, 'first').listenAndServe(), fleet(second, 'second').listenAndServe()]);
report('settled', { pid: process.pid });
`);
  const master = startMaster(asFixture(file));
  const ready = await Promise.all(
    ['first', 'second'].map((name) => master.event('onMasterReady', { where: ({ label }) => label === name })),
  );
  for (const { label, pids, port } of ready) {
    expect((await httpGet({ port })).json<{ label: string; pid: number }>()).toMatchObject({ label, pid: pids[0] });
  }
  // Every worker served for its own fleet only, and no worker became a master.
  const served = master.events('serve').map(({ label, pid }) => `${label} ${pid}`);
  expect(served.toSorted()).toEqual(ready.map(({ label, pids }) => `${label} ${pids[0]}`).toSorted());
  expect(master.workers().toSorted()).toEqual(ready.flatMap(({ pids }) => pids).toSorted());
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
  expect(master.events('settled')).toHaveLength(3);
});

test('W18 workers of two copies end with their master', async () => {
  const file = project(`${HEAD}
await Promise.all([fleet(first, 'first').listenAndServe(), fleet(second, 'second').listenAndServe()]);
`);
  const master = startMaster(asFixture(file));
  await master.event('onMasterReady', { nth: 2 });
  master.kill('SIGKILL');
  await master.gone();
});

testOn('posixProcesses')('the copies of W18 are whole packages', () => {
  const file = project('');
  const script = "import('library').then((library) => console.log(typeof library.prefork))";
  expect(execFileSync(target.node, ['-e', script], { cwd: join(file, '..'), encoding: 'utf8' })).toBe('function\n');
});
