/** The option `admin`: who may ask, from when until when. */

import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { doorFolder, prefork, rawClient } from '../../helpers/admin.js';
import {
  commandWorks,
  eventually,
  httpGet,
  isRoot,
  openFds,
  sendSignal,
  startFleet,
  startReadyFleet,
  testOn,
  testWhen,
  untilDead,
} from '../../helpers/index.js';

const test = testOn('unixSockets', 'proc');
const asRoot = testWhen(isRoot && commandWorks('setpriv', '--version'), 'needs root and setpriv', 'uids');

const modeOf = (path: string): number => statSync(path).mode & 0o777;

test('R5a the admin door has mode 0600 whatever the umask is, and no file beside it is open to others', async () => {
  const folder = doorFolder();
  const admin = join(folder, 'app.sock');
  const { master } = await startReadyFleet(
    { options: { admin } },
    { wrapper: ['sh', '-c', 'umask 0; exec "$@"', 'sh'] },
  );
  expect(readdirSync(folder).map((file) => [file, modeOf(join(folder, file))])).toEqual([
    ['app.sock', 0o600],
    ['app.sock.lock', 0o600],
  ]);
  expect(statSync(admin).isSocket()).toBe(true);
  await master.call('stop');
});

test('R5a without a path it is in a folder of the user with mode 0700, by the name of the fleet', async () => {
  const folder = doorFolder();
  const env = { XDG_RUNTIME_DIR: folder };
  const { master } = await startReadyFleet(
    { options: { admin: true, name: 'a/b c' } },
    { env, wrapper: ['sh', '-c', 'umask 0; exec "$@"', 'sh'] },
  );
  expect(modeOf(join(folder, 'prefork'))).toBe(0o700);
  expect(readdirSync(join(folder, 'prefork'))).toEqual(['a%2Fb%20c.sock', 'a%2Fb%20c.sock.lock']);
  const { code, stdout } = await prefork(['status', '--name', 'a/b c'], { env });
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining(`master pid ${master.pid}`) });
  await master.call('stop');
});

test('R5a a folder of doors that others may write to is refused before a worker starts', async () => {
  const folder = doorFolder();
  const first = await startReadyFleet({ options: { admin: true } }, { env: { XDG_RUNTIME_DIR: folder } });
  await first.master.call('stop');
  await first.master.gone();
  chmodSync(join(folder, 'prefork'), 0o777);
  const master = startFleet({ options: { admin: true } }, { env: { XDG_RUNTIME_DIR: folder } });
  const { error } = await master.event('settled');
  expect(error).toMatchObject({ code: 'EACCES', path: join(folder, 'prefork') });
  expect(error.message).toMatch(/option 'admin'.*0700/);
  expect(master.events('on spawn')).toEqual([]);
  expect((await master.gone()).code).toBe(1);
});

asRoot('R5a with uid the door is that of the master, and the user of the workers cannot reach it', async () => {
  const folder = doorFolder();
  chmodSync(folder, 0o777);
  const admin = join(folder, 'app.sock');
  const { master } = await startReadyFleet({ options: { admin, uid: 65_534, gid: 65_534 } });
  expect(statSync(admin)).toMatchObject({ uid: 0, gid: 0 });
  expect(modeOf(admin)).toBe(0o600);
  const asNobody = startFleet(
    {},
    {
      wrapper: [
        'setpriv',
        '--reuid=65534',
        '--regid=65534',
        '--clear-groups',
        'sh',
        '-c',
        // The arguments of the fixture are left out.
        `exec "$1" ${join(process.cwd(), 'dist/command/prefork.cjs')} status --admin=${admin}`,
        'sh',
      ],
    },
  );
  expect((await asNobody.gone()).code).toBe(3);
  expect(asNobody.stderr).toMatch(/^prefork: the admin door .* is that of another user/);
  await master.call('stop');
});

test('R5b the door is open before the first worker starts, and tells of a start that takes its time', async () => {
  const admin = join(doorFolder(), 'app.sock');
  const master = startFleet({ options: { admin, workers: 1 }, boot: 'never settle' });
  await master.event('serve');
  const status = await prefork(['status', `--admin=${admin}`]);
  expect(status.stdout).toMatch(/^fleet 0: starting, [\s\S]*\n +0 +\d+ +0 +starting +\d+ s.*\n$/);
  const stop = await prefork(['stop', '--grace', '0', `--admin=${admin}`]);
  expect(stop).toEqual({ code: 0, stdout: 'stopped\n', stderr: '' });
  expect((await master.gone()).code).toBe(0);
});

test('R5b the door is removed with its lock when the fleet has stopped, also when it failed', async () => {
  const folder = doorFolder();
  const admin = join(folder, 'app.sock');
  const { master } = await startReadyFleet({ options: { admin } });
  master.kill('SIGTERM');
  expect((await master.gone()).code).toBe(0);
  expect(readdirSync(folder)).toEqual([]);
  const failing = startFleet({ options: { admin }, boot: 'throw' });
  expect((await failing.gone()).code).toBe(1);
  expect(readdirSync(folder)).toEqual([]);
});

test('R5b the socket of a dead master is replaced, also while a worker of it still drains', async () => {
  const admin = join(doorFolder(), 'app.sock');
  const first = await startReadyFleet({ options: { admin } });
  first.master.kill('SIGKILL');
  await first.master.exited;
  const gone = await prefork(['status', `--admin=${admin}`]);
  expect(gone).toMatchObject({ code: 3, stderr: expect.stringMatching(/is gone, and left its socket behind/) });
  const second = await startReadyFleet({ options: { admin } });
  const { stdout } = await prefork(['status', `--admin=${admin}`]);
  expect(stdout).toContain(`master pid ${second.master.pid}`);
  for (const pid of first.pids) await untilDead(pid);
  await second.master.call('stop');
});

test('R5b a master that is alive keeps its door: a second one is refused before it starts a worker', async () => {
  const admin = join(doorFolder(), 'app.sock');
  const first = await startReadyFleet({ options: { admin } });
  const second = startFleet({ options: { admin } });
  const { error } = await second.event('settled');
  expect(error).toMatchObject({ code: 'EADDRINUSE', path: admin });
  expect(error.message).toMatch(/option 'admin'.*another master/);
  expect(second.events('on spawn')).toEqual([]);
  expect((await second.gone()).code).toBe(1);
  expect((await prefork(['status', `--admin=${admin}`])).stdout).toContain(`master pid ${first.master.pid}`);
  await first.master.call('stop');
});

test('R5b a file that is no socket is left alone, and a folder that is missing is named', async () => {
  const folder = doorFolder();
  const file = join(folder, 'notes.txt');
  writeFileSync(file, 'mine');
  for (const [admin, code] of [
    [file, 'EADDRINUSE'],
    [join(folder, 'missing', 'app.sock'), 'ENOENT'],
  ]) {
    const master = startFleet({ options: { admin } });
    const { error } = await master.event('settled');
    expect(error).toMatchObject({ code, path: admin });
    expect(error.message).toContain("option 'admin'");
    expect((await master.gone()).code).toBe(1);
  }
  expect(readFileSync(file, 'utf8')).toBe('mine');
});

test('R5b a relative path begins where the master was started', async () => {
  const folder = doorFolder();
  const { master } = await startReadyFleet({ options: { admin: 'app.sock', cwd: '/' } }, { cwd: folder });
  expect(existsSync(join(folder, 'app.sock'))).toBe(true);
  await master.call('stop');
});

test('R5n a door whose files are deleted is made again at once, every time, and who is connected stays so', async () => {
  const folder = doorFolder();
  const admin = join(folder, 'app.sock');
  const { master } = await startReadyFleet({ options: { admin, workers: 1 } });
  const before = await rawClient(admin);
  for (let time = 1; time <= 3; time++) {
    for (const file of readdirSync(folder).reverse()) rmSync(join(folder, file));
    await eventually(() => existsSync(admin), { what: 'the door is there again' });
    expect((await prefork(['status', `--admin=${admin}`])).stdout).toContain(`master pid ${master.pid}`);
  }
  expect(readdirSync(folder).map((file) => [file, modeOf(join(folder, file))])).toEqual([
    ['app.sock', 0o600],
    ['app.sock.lock', 0o600],
  ]);
  expect(master.stderr.match(/the admin door .* was gone, and is made again/g)).toHaveLength(3);
  expect(await before.ask('status')).toMatchObject({ result: { pid: master.pid } });
  await master.call('stop');
  expect(readdirSync(folder)).toEqual([]);
});

test('R5n without a door the command names the way out: a reload makes the folder again, with mode 0700, and the door', async () => {
  const folder = doorFolder();
  const doors = join(folder, 'prefork');
  const env = { XDG_RUNTIME_DIR: folder };
  const { master } = await startReadyFleet({ options: { admin: true, workers: 1, readyFor: 0 } }, { env });
  // Moved away, it leaves no word at the door itself.
  renameSync(doors, join(folder, 'elsewhere'));
  const gone = await prefork(['status'], { env });
  expect(gone).toMatchObject({ code: 3, stderr: expect.stringContaining('kill -HUP <pid of the master>') });
  master.kill('SIGHUP');
  await eventually(() => existsSync(join(doors, '0.sock')), { what: 'the door is there again' });
  expect((await prefork(['status'], { env })).code).toBe(0);
  expect(modeOf(doors)).toBe(0o700);
  await master.call('stop');
});

test('R5n what took the place of a door stays, the log names the way out, and the fleet goes on', async () => {
  const folder = doorFolder();
  const admin = join(folder, 'app.sock');
  const { master, port } = await startReadyFleet({ options: { admin, workers: 1, readyFor: 0 } });
  writeFileSync(`${admin}.new`, 'mine');
  renameSync(`${admin}.new`, admin);
  await master.logged(/the admin door .* cannot be made again: .*EADDRINUSE.*remove it/);
  expect(readFileSync(admin, 'utf8')).toBe('mine');
  expect((await httpGet({ port })).status).toBe(200);
  rmSync(admin);
  await master.call('reload');
  expect((await prefork(['status', `--admin=${admin}`])).code).toBe(0);
  await master.call('stop');
});

test('R5c no worker has the door, its lock or a connection of a client', async () => {
  const admin = join(doorFolder(), 'app.sock');
  const { master } = await startReadyFleet({ options: { admin } });
  const client = await rawClient(admin);
  await client.ask('status');
  // The worker is started while the client is connected.
  const [pid = 0] = master.workers();
  sendSignal(pid, 'SIGKILL');
  await master.event('onChildRecover');
  const open = new Set(openFds(master.pid).values());
  const sockets = unixSocketsAt(admin);
  expect(sockets.length).toBeGreaterThanOrEqual(2);
  expect(sockets.filter((socket) => open.has(socket)).length).toBeGreaterThanOrEqual(2);
  for (const worker of master.workers()) {
    const inherited = [...openFds(worker).values()];
    expect(inherited.filter((file) => sockets.includes(file) || file.includes('.lock'))).toEqual([]);
  }
  await master.call('stop');
});

/** Of the listener and of the connections that it has accepted, as /proc/PID/fd names them. */
function unixSocketsAt(path: string): string[] {
  return readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .filter((line) => line.endsWith(path) || /\.[0-9a-f]{11}$/.test(line))
    .map((line) => `socket:[${line.trim().split(/\s+/)[6]}]`);
}

test('an open connection of a client keeps no master alive after its stop', async () => {
  const admin = join(doorFolder(), 'app.sock');
  const { master } = await startReadyFleet({ options: { admin } });
  const idle = await rawClient(admin);
  const asking = await rawClient(admin);
  await asking.ask('status');
  master.kill('SIGTERM');
  expect((await master.gone()).code).toBe(0);
  await Promise.all([idle.closed, asking.closed]);
});

test('a program without the option makes no file and loads nothing for it', async () => {
  const folder = doorFolder();
  const { master } = await startReadyFleet({}, { env: { XDG_RUNTIME_DIR: folder }, cwd: folder });
  expect(readdirSync(folder)).toEqual([]);
  expect([...openFds(master.pid).values()].filter((file) => file.includes('admin'))).toEqual([]);
  await eventually(() => readlinkSync(`/proc/${master.pid}/exe`) !== '');
  await master.call('stop');
});
