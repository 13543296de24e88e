import { chmodSync, mkdtempSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { COMMAND, type CommandOptions, readyPort, startCommand, startHosted } from '../../helpers/command.js';
import { eventually, httpGet, isRoot, testWhen } from '../../helpers/index.js';
import { startProgram } from '../../helpers/master.js';
import { nodeOf } from '../../helpers/runtimes.js';
import { testOnLinux as test } from '../../helpers/skip.js';
import { target } from '../../helpers/target.js';

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

test('D1a a program that knows nothing of prefork listens before its listen() returns, on one port in all workers, and servers on port 0 have one each', async () => {
  const fleet = startHosted({ listens: [{ port: 0 }, { port: 0 }] });
  await readyPort(fleet);
  const listens = fleet.events('listens');
  expect(listens.map(({ sync }) => sync)).toEqual([true, true, true, true]);
  const ports = listens.map(({ address }) => address.port);
  expect(new Set(ports).size).toBe(2);
  for (const port of new Set(ports)) {
    const { pid } = (await httpGet({ port })).json();
    expect(fleet.workers()).toContain(pid);
  }
});

test('D1b its arguments are its own, node has no flag of the package left, and node:cluster shows a worker', async () => {
  const fleet = startHosted({}, { args: ['--workers', '7', '--', '-x'] });
  await readyPort(fleet);
  const started = fleet.events('started');
  expect(started.map(({ args }) => args)).toEqual([
    ['--workers', '7', '--', '-x'],
    ['--workers', '7', '--', '-x'],
  ]);
  expect(started.map(({ execArgv }) => execArgv)).toEqual([[], []]);
  expect(started.map(({ cluster }) => cluster).sort()).toEqual([
    [false, false, true, 1],
    [false, false, true, 2],
  ]);
});

test("D1c an address that is taken is reported as Node's own error, on 'error', whether another process or this one has it", async () => {
  const other = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void other.close());
  await eventually(() => other.listening, { what: 'the other process listens' });
  const { port } = other.address() as { port: number };
  const fleet = startHosted({ listens: [{ port: 0 }, { port, host: '127.0.0.1' }], wrongTwice: true });
  await readyPort(fleet);
  const elsewhere = await fleet.event('refused', { where: (event) => event.port === port });
  expect(elsewhere).toMatchObject({
    ...{ code: 'EADDRINUSE', syscall: 'listen', address: '127.0.0.1', errno: -98 },
    message: `listen EADDRINUSE: address already in use 127.0.0.1:${port}`,
  });
  const here = await fleet.event('refused', { where: (event) => event.port !== port });
  expect(here).toMatchObject({ code: 'EADDRINUSE', message: expect.stringMatching(/already in use :::\d+$/) });
  expect(await fleet.logged('the program cannot listen')).toContain(`sport = :${port}`);
});

test('D1d a server that listens late is served by all workers, and its connections are drained', async () => {
  const fleet = startHosted(
    { late: [{ port: 0, host: '127.0.0.1' }], keeps: true },
    // It listens late in its trial, also where it gets no CPU for a while.
    { options: ['--workers', '1', '--ready-for', '3s'] },
  );
  const { address } = await fleet.event('listening', { where: ({ when }) => when === 'late' });
  await readyPort(fleet);
  const slow = httpGet({ port: address.port, path: '/slow/700' });
  await fleet.event('asked');
  fleet.kill('SIGHUP');
  await fleet.logged('reloaded: generation 1');
  expect((await slow).status).toBe(200);
  expect(fleet.workers()).toContain((await httpGet({ port: address.port })).json().pid);
});

test('D1e a unix socket is where a relative path leads, has the mode that was asked for, and is gone after the stop', async () => {
  const cwd = temporaryFolder();
  const path = join(cwd, 'app.sock');
  const fleet = startHosted({ listens: [{ path: 'app.sock', readableAll: true, writableAll: true }] }, { cwd });
  await fleet.logged(`ready on unix:${path}`);
  expect(fleet.events('listens')).toMatchObject([
    { sync: true, address: 'app.sock', mode: '777' },
    { sync: true, address: 'app.sock', mode: '777' },
  ]);
  expect(fleet.workers()).toContain((await httpGet({ socketPath: path })).json().pid);
  fleet.kill();
  expect(await fleet.gone()).toEqual({ code: 0, signal: null });
  await expect(httpGet({ socketPath: path })).rejects.toMatchObject({ code: 'ENOENT' });
});

test('D1f an address that the new code does not use any more is closed after the reload, and free for others', async () => {
  const file = join(temporaryFolder(), 'config.json');
  writeFileSync(file, JSON.stringify({ listens: [{ port: 0 }, { port: 0, host: '127.0.0.1' }] }));
  const fleet = startCommand({ args: [`@${file}`] });
  const kept = await readyPort(fleet);
  const second = await fleet.event('listening', { where: ({ address }) => address.address === '127.0.0.1' });
  writeFileSync(file, JSON.stringify({ listens: [{ port: 0 }] }));
  fleet.kill('SIGHUP');
  await fleet.logged(`127.0.0.1:${second.address.port} is closed: no new worker listens there`);
  await eventually(
    () =>
      httpGet({ port: second.address.port }).then(
        () => false,
        () => true,
      ),
    {
      what: 'nothing listens there',
    },
  );
  expect((await httpGet({ port: kept })).status).toBe(200);
});

test('D1g an address is closed when the last worker has closed its server', async () => {
  const fleet = startHosted(
    { listens: [{ port: 0 }, { port: 0, host: '127.0.0.1' }] },
    { options: ['--workers', '1'] },
  );
  await readyPort(fleet);
  const { address } = await fleet.event('listening', { where: (event) => event.address.address === '127.0.0.1' });
  await httpGet({ port: address.port, path: '/close' });
  await eventually(
    () =>
      httpGet({ port: address.port }).then(
        () => false,
        ({ code }) => code === 'ECONNREFUSED',
      ),
    {
      what: 'the address is closed',
    },
  );
});

async function keepsItsOwn(options: CommandOptions = {}): Promise<void> {
  const fleet = startHosted({ listens: [{ port: 0 }, { port: 0, exclusive: true }], udp: true }, options);
  await readyPort(fleet);
  await fleet.event('udp', { nth: 2 });
  const ports = fleet.events('listens').map(({ address }) => address.port);
  expect(new Set(ports).size).toBe(3);
  expect(new Set(fleet.events('udp').map(({ port }) => port)).size).toBe(2);
}

test('D1h what a program keeps for itself stays its own: exclusive servers, sockets of UDP', () => keepsItsOwn());

const { program: newest, missing } = await nodeOf(26);
testWhen(newest !== undefined && target.node === process.execPath, missing ?? 'is about a Node of this machine')(
  'D1h the same with Node 26, whose node:dgram makes no handle of a socket of UDP',
  () => keepsItsOwn({ node: newest as string }),
);

test("D1i sharing 'reuseport': every worker has a socket of its own on the port of all", async () => {
  const fleet = startHosted({}, { options: ['--workers', '2', '--sharing', 'reuseport'] });
  const port = await readyPort(fleet);
  const seen = new Set<number>();
  await eventually(async () => seen.add((await httpGet({ port })).json().pid).size === 2, {
    what: 'both workers answer',
  });
});

testWhen(
  isRoot,
  'needs root',
  'uids',
)(
  'D1j the file of a unix socket has the owner, group and mode that the configuration gives it, or those of the user of the program',
  async () => {
    const cwd = temporaryFolder();
    chmodSync(cwd, 0o755);
    const [path, own] = [join(cwd, 'app.sock'), join(cwd, 'own.sock')];
    const listen = { path: 'app.sock', owner: 'nobody', group: 1, mode: 0o660 };
    writeFileSync(join(cwd, 'prefork.config.json'), JSON.stringify({ listen, env: { USER: 'me' } }));
    const fleet = startHosted(
      { listens: [{ path: 'app.sock' }, { path: own }] },
      { cwd, options: ['--workers', '1', '--uid', '65534'] },
    );
    await fleet.logged('ready on');
    const found = (file: string) => {
      const { uid, gid, mode } = statSync(file);
      return [uid, gid, mode & 0o777];
    };
    const before = found(own);
    expect(found(path)).toEqual([65_534, 1, 0o660]);
    expect(before.slice(0, 2)).toEqual([65_534, 65_534]);
    const { identity } = await fleet.event('started');
    expect(identity).toEqual([expect.stringMatching(/^\/(?!root)/), 'me', 'nobody']);
    // Bound again, because a cleaner has taken both away.
    for (const file of [path, own]) unlinkSync(file);
    fleet.kill('SIGHUP');
    await fleet.logged('reloaded: generation 1');
    expect(found(path)).toEqual([65_534, 1, 0o660]);
    expect(found(own)).toEqual(before);
    for (const socketPath of [path, own]) expect((await httpGet({ socketPath })).status).toBe(200);
  },
);

testWhen(
  isRoot,
  'needs root',
  'uids',
)('D1j the master binds what the program asks for, and the program runs as the user', async () => {
  const fleet = startHosted(
    { listens: [{ port: 0 }] },
    { options: ['--workers', '1', '--uid', '65534', '--gid', '65534'] },
  );
  const port = await readyPort(fleet);
  expect(fleet.events('started')).toMatchObject([{ uid: 65_534 }]);
  expect((await httpGet({ port })).status).toBe(200);
});

test('D1k a server that the master has opened before is taken by the program that listens there', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'early.sock');
  const words = [COMMAND, '--workers', '1', '--listen', `unix:${path}`];
  const program = join(folder, 'program.cjs');
  writeFileSync(program, `require('node:http').createServer((q, r) => r.end('early')).listen('${path}');\n`);
  const fleet = startProgram(target.node, { args: [...words, program] });
  await fleet.logged(`ready on unix:${path}`);
  expect((await httpGet({ socketPath: path })).body).toBe('early');
});
