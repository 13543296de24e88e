import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished } from 'vitest';
import {
  commandWorks,
  environmentOf,
  eventually,
  httpGet,
  inPackage,
  isRoot,
  openFds,
  sendSignal,
  startFleet,
  startMaster,
  startReadyFleet,
  testWhen,
} from '../../helpers/index.js';
import { startProgram } from '../../helpers/master.js';
import { target } from '../../helpers/target.js';
import { unprivileged } from '../../helpers/unprivileged.js';

const NOBODY = 65_534;
/** Users and groups that every Unix has. */
const DAEMON = 1;

let path: string;
beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-passed-'));
  chmodSync(folder, 0o755);
  path = join(folder, 'app.sock');
  onTestFinished(() => rmSync(folder, { recursive: true }));
});

const passing = (how: string) => ['python3', inPackage('test/fixtures/passes-socket.py'), how, '--'];
const withPython = testWhen(commandWorks('python3', '-c', ''), 'needs python3', 'posixProcesses');

withPython('F17g a fleet serves on a listening socket that is its standard input, reloads and stops', async () => {
  const args = [JSON.stringify({ options: { listen: { fd: 0, name: 'web' }, workers: 2 } })];
  const master = startMaster('reads-environment', { args, wrapper: passing('stdin') });
  const { port } = await master.event('activated');
  const { addresses, pids } = await master.event('onMasterReady');
  expect(addresses).toEqual([{ name: 'web', family: 'IPv4', address: '127.0.0.1', port }]);
  expect(pids).toContain((await httpGet({ port })).json<{ pid: number }>().pid);
  master.kill('SIGHUP');
  await master.logged('reloaded: generation 1');
  await eventually(async () => !pids.includes((await httpGet({ port })).json<{ pid: number }>().pid));
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
});

withPython('F17g a descriptor that is no listening socket is an error that names it and the way out', async () => {
  const refused = async (fd: number, wrapper: readonly string[] = []): Promise<string> => {
    const master = startFleet({ options: { listen: { fd } } }, { wrapper });
    const { error } = await master.event('settled');
    expect(error.code).toBe('ERR_PREFORK_INHERITED_LISTENER');
    // Whatever it is, it stays open: it may be Node's own.
    expect(await master.gone()).toEqual({ code: 1, signal: null });
    return error.message;
  };
  expect(await refused(1)).toMatch(
    /^Descriptor 1, which the option 'listen' names, is .*not a listening stream socket: /,
  );
  expect(await refused(3)).toContain('anon_inode');
  expect(await refused(900)).toMatch(/900.*cannot be used .*EBADF/);
  expect(await refused(9, ['sh', '-c', 'exec 9</dev/null; exec "$@"', 'sh'])).toContain('is /dev/null');
});

withPython('F17h a fleet serves on a socket of Server::Starter, and no worker has the variable', async () => {
  const listen = `unix:${path}`;
  const master = startFleet({ options: { listen, workers: 1 } }, { wrapper: passing(`starter:${path}`) });
  const { pids } = await master.event('onMasterReady');
  expect(master.stderr).toContain(`listener '0': using descriptor 7 of Server::Starter, ${path}`);
  expect((await httpGet({ socketPath: path })).json<{ pid: number }>().pid).toBe(pids[0]);
  expect(environmentOf(pids[0]).get('SERVER_STARTER_PORT')).toBeUndefined();
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
  // Server::Starter goes on listening there.
  expect(existsSync(path)).toBe(true);
});

for (const [what, opened, host] of [
  ['host:port', 'tcp', '127.0.0.1'],
  ['port', 'port', '0.0.0.0'],
] as const) {
  withPython(`F17h an entry ${what} of Server::Starter is the socket of that address`, async () => {
    const options = { listen: `${host}:%0`, workers: 1 };
    // The port is not known before: the stand-in writes it into the argument.
    const master = startFleet({ options }, { wrapper: passing(`starter:${opened}`) });
    const { port } = await master.event('activated');
    const { pids } = await master.event('onMasterReady');
    expect(master.stderr).toContain(`listener '0': using descriptor 7 of Server::Starter, ${host}:${port}`);
    expect((await httpGet({ port })).json<{ pid: number }>().pid).toBe(pids[0]);
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
  });
}

withPython(
  'F17g what the service manager passed and no listener can use is never closed: a socket of UDP, one that does not listen',
  async () => {
    const wrapper = ['python3', inPackage('test/fixtures/activates.py'), 'dns=udp', 'raw=bound', 'spare=tcp', '--'];
    const master = startFleet({ options: { workers: 1 } }, { wrapper });
    await master.event('onMasterReady');
    expect(await master.logged("('dns')")).toMatch(/is no stream socket, IPv4 .* it is left open/);
    expect(await master.logged("('raw')")).toMatch(/does not listen.* it is left open/);
    expect(await master.logged("('spare')")).toMatch(/is a listening IPv4 socket .* closing it/);
    const open = openFds(master.pid);
    expect([3, 4].map((fd) => open.get(fd)?.startsWith('socket:'))).toEqual([true, true]);
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
  },
);

withPython('F17j sockets of a wrapper are named in a warning when the fleet opens other addresses, once', async () => {
  const activated = ['python3', inPackage('test/fixtures/activates.py'), `x=unix:${path}`, '--'];
  const wrapper = [...activated, 'sh', '-c', '"$@"; exit $?', 'sh'];
  const master = startFleet({ options: { listen: '127.0.0.1:0', workers: 1 } }, { wrapper });
  const [{ from }, line] = await Promise.all([master.event('onMasterReady'), master.logged('was meant for pid')]);
  expect(line).toContain(`LISTEN_FDS=1 was meant for pid ${master.pid} (sh)`);
  expect(line).toContain('let the service manager start node itself');
  expect(master.stderr.split('was meant for').length).toBe(2);
  sendSignal(from, 'SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
});

testWhen(
  commandWorks('python3', '-c', '') && commandWorks('npm', '--version'),
  'needs python3 and npm',
  'posixProcesses',
)(
  'F17j the same behind npm start, which closes the sockets that it was given',
  async () => {
    const folder = join(path, '..');
    const program = [
      target.node,
      inPackage('test/fixtures/fleet.mjs'),
      JSON.stringify({ options: { listen: `unix:${path}` } }),
    ];
    const start = program.map((word) => `'${word}'`).join(' ');
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, scripts: { start } }));
    const args = [inPackage('test/fixtures/activates.py'), `x=unix:${path}`, '--', 'npm', 'start', '--silent'];
    const master = startProgram('python3', { args, cwd: folder });
    const { error } = await master.event('settled');
    expect(error.code).toBe('EADDRINUSE');
    expect(error.message).toMatch(new RegExp(`LISTEN_FDS=1 was meant for pid ${master.pid} \\(npm`));
    expect(await master.gone()).toMatchObject({ code: 1 });
  },
  120_000,
);

withPython('F17j an address that a wrapper was given names the wrapper and the way out', async () => {
  const activated = ['python3', inPackage('test/fixtures/activates.py'), `x=unix:${path}`, '--'];
  const wrapper = [...activated, 'sh', '-c', '"$@"; exit $?', 'sh'];
  const master = startFleet({ options: { listen: `unix:${path}` } }, { wrapper });
  const { error } = await master.event('settled');
  expect(error.code).toBe('EADDRINUSE');
  expect(error.message).toContain(`LISTEN_FDS=1 was meant for pid ${master.pid} (sh)`);
  expect(error.message).toContain('let the service manager start node itself');
});

const asRoot = testWhen(isRoot, 'needs root', 'posixProcesses');
const ownerOf = (file: string): [number, number] => [statSync(file).uid, statSync(file).gid];

asRoot(
  'F17i the file of a unix socket is that of the user of the workers, who can connect, also when it is bound again',
  async () => {
    const { master } = await startReadyFleet({ options: { listen: { path }, uid: NOBODY } });
    expect(ownerOf(path)).toEqual([NOBODY, NOBODY]);
    expect((await unprivileged(() => httpGet({ socketPath: path }))).status).toBe(200);
    unlinkSync(path);
    expect(await master.call('reload')).toMatchObject({ ok: true });
    expect(ownerOf(path)).toEqual([NOBODY, NOBODY]);
  },
);

asRoot('F17i owner and group are names or ids, and no more than what is given is changed', async () => {
  const named = await startReadyFleet({
    options: { listen: { path, owner: 'daemon', group: 'nogroup' }, uid: NOBODY },
  });
  expect(ownerOf(path)).toEqual([DAEMON, NOBODY]);
  named.master.kill('SIGTERM');
  await named.master.gone();
  const byId = await startReadyFleet({ options: { listen: { path, group: DAEMON, mode: 0o660 } } });
  expect(ownerOf(path)).toEqual([0, DAEMON]);
  expect(statSync(path).mode & 0o777).toBe(0o660);
  byId.master.kill('SIGTERM');
  await byId.master.gone();
  const ofOwner = await startReadyFleet({ options: { listen: { path, owner: NOBODY } } });
  expect(ownerOf(path)).toEqual([NOBODY, NOBODY]);
  ofOwner.master.kill('SIGTERM');
  await ofOwner.master.gone();
});

asRoot(
  'F17i an owner that does not exist, or that the master may not choose, is an error, and no file is left',
  async () => {
    const wrong = startFleet({ options: { listen: [0, { path, owner: 'no-such-user' }] } });
    expect((await wrong.event('settled'))['error']).toMatchObject({
      code: 'ERR_PREFORK_INVALID_OPTION',
      option: 'listen[1].owner',
    });
    const group = startFleet({ options: { listen: { path, group: 'no-such-group' } } });
    expect((await group.event('settled'))['error']).toMatchObject({ option: 'listen.group' });
    chmodSync(join(path, '..'), 0o777);
    const wrapper = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
    const denied = startFleet({ options: { listen: { path, owner: 0 } } }, { wrapper });
    const { error } = await denied.event('settled');
    expect(error).toMatchObject({ code: 'EPERM', syscall: 'chown', path });
    expect(error.message).toContain('CAP_CHOWN');
    expect(existsSync(path)).toBe(false);
    expect(existsSync(`${path}.lock`)).toBe(false);
  },
);
