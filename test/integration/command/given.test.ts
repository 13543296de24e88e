import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { COMMAND, type Hosted } from '../../helpers/command.js';
import {
  commandWorks,
  connectRaw,
  environmentOf,
  eventually,
  httpGet,
  openFds,
  testWhen,
} from '../../helpers/index.js';
import { expectNothingLost, startLoad } from '../../helpers/load.js';
import { type Master, startProgram } from '../../helpers/master.js';
import { inPackage, target } from '../../helpers/target.js';

const test = testWhen(
  process.platform === 'linux' && commandWorks('python3', '-c', ''),
  'needs python3',
  'posixProcesses',
);

interface Start {
  /** Of the command. Default: two workers. */
  readonly options?: readonly string[];
  readonly cwd?: string;
  /** Between the one that opens the sockets and the command. */
  readonly between?: readonly string[];
}

/** A program that knows nothing of prefork, under the command, below one that opens sockets. `%0` stands for the port of the first. */
function start(
  opener: readonly string[],
  hosted: Hosted | string,
  { options = ['--workers', '2'], cwd, between = [] }: Start = {},
): Master {
  const [fixture, ...words] = opener as [string, ...string[]];
  const argument = typeof hosted === 'string' ? hosted : JSON.stringify(hosted).replaceAll('"%0"', '%0');
  const command = [target.node, COMMAND, ...QUICK, ...options, inPackage('test/fixtures/hosted.cjs'), argument];
  const args = [inPackage(`test/fixtures/${fixture}`), ...words, '--', ...between, ...command];
  return startProgram('python3', { args, ...(cwd !== undefined && { cwd }) });
}

const activated = (...sockets: readonly string[]) => ['activates.py', ...sockets];
const PORT = '%0' as unknown as number;

/** A reload need not wait for long: what is tested is not whether the new code stays. */
const QUICK = ['--ready-for', '200'];

/** A program listens on the port that the socket has which was opened first. */
async function portOf(master: Master): Promise<number> {
  const { addresses, port } = await master.event('activated');
  return port ?? addresses[0][1];
}

async function stops(master: Master): Promise<void> {
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-given-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

test('D1m a program that listens on the address of a socket of the service manager is served by that socket: reloads, scaling and restarts lose nothing', async () => {
  const master = start(activated('web=any', 'starts=3'), { listens: [{ port: PORT }], keeps: true });
  const port = await portOf(master);
  await master.logged(`ready on [::]:${port}`);
  expect(master.stderr).toContain(`listener 'web': using descriptor 3 of the service manager, [::]:${port}`);
  const load = startLoad({ port, mode: 'per-request' });
  await load.answered(50);
  for (let turn = 1; turn <= 2; turn++) {
    master.kill('SIGHUP');
    await master.logged(`reloaded: generation ${turn}`);
    await load.answered(50);
  }
  master.kill('SIGTTIN');
  await master.logged(/worker 2 .*spawned/);
  await load.answered(50);
  for (let turn = 2; turn <= 3; turn++) {
    master.kill('SIGTERM');
    await master.event('ended', { nth: turn - 1 });
    await master.event('starts', { nth: turn });
    await load.answered(50);
  }
  const report = await load.stop();
  expectNothingLost(report);
  // One of the first, of each reload, and of each restart; two, and the one that was added, where all of them got a CPU in time.
  expect(Object.keys(report.pids).length).toBeGreaterThanOrEqual(5);
  await stops(master);
});

test('D1m its workers have the very socket of the manager, with its backlog, and none of its variables', async () => {
  const master = start(activated('web=any4'), { listens: [{ port: PORT, host: '0.0.0.0' }] });
  const port = await portOf(master);
  await master.logged(`ready on 0.0.0.0:${port}`);
  // As long as the manager has made it: 511 of Node, and 4096 of a listener of the master's own, are others.
  const queue = spawnSync('ss', ['-Hltn', `sport = :${port}`], { encoding: 'utf8' }).stdout;
  if (queue !== null) expect(queue).toMatch(/^LISTEN +0 +64 /);
  const socket = openFds(master.pid).get(3);
  expect(socket).toMatch(/^socket:/);
  const workers = master.workers();
  expect(workers).toHaveLength(2);
  for (const pid of workers) {
    expect([...openFds(pid).values()]).toContain(socket);
    for (const name of ['LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES']) {
      const value = environmentOf(pid).get(name);
      expect([undefined, '0', '', String(pid)]).toContain(value);
    }
  }
  await stops(master);
});

for (const [opened, host] of [
  ['any', '0.0.0.0'],
  ['any4', '::'],
  ['any4', undefined],
] as const) {
  test(`D1m every address is one address: ${host ?? 'no host'} of a socket of ${opened === 'any' ? '[::]' : '0.0.0.0'}`, async () => {
    const listens = [{ port: PORT, ...(host !== undefined && { host }) }];
    const master = start(activated(`web=${opened}`), { listens });
    const port = await portOf(master);
    await master.logged('ready on');
    expect(master.workers()).toContain((await httpGet({ port })).json().pid);
    expect(master.stderr).not.toContain('does not listen');
    await stops(master);
  });
}

test('D1m a path through a link is the same path, and its file keeps the mode that the manager gave it', async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'run'));
  symlinkSync('run', join(folder, 'var-run'));
  const path = join(folder, 'run', 'app.sock');
  const listens = [{ path: 'var-run/app.sock', readableAll: true, writableAll: true }];
  const master = start(activated(`x=unix:${path}`), { listens }, { cwd: folder });
  await master.logged(`ready on unix:${path}`);
  expect(statSync(path).mode & 0o777).toBe(0o755);
  expect(master.workers()).toContain((await httpGet({ socketPath: path })).json().pid);
  await stops(master);
  expect(existsSync(path)).toBe(true);
});

test('D1n a socket that the program does not ask for stays open and is logged once; who waits there is answered when a reload listens there', async () => {
  const folder = temporaryFolder();
  const file = join(folder, 'config.json');
  const path = join(folder, 'app.sock');
  writeFileSync(file, JSON.stringify({ listens: [{ path }], keeps: true }));
  const master = start(activated('web=tcp', `local=unix:${path}`), `@${file}`);
  const port = await portOf(master);
  await master.logged(`ready on unix:${path}`);
  const waiting = httpGet({ port });
  await master.logged(`the program does not listen on 127.0.0.1:${port}, which was open before it`);
  // A reload that does not change it says nothing again.
  master.kill('SIGHUP');
  await master.logged('reloaded: generation 1');
  const address = { port, host: '127.0.0.1' };
  writeFileSync(file, JSON.stringify({ listens: [address], keeps: true }));
  master.kill('SIGHUP');
  await master.logged('reloaded: generation 2');
  expect(master.workers()).toContain((await waiting).json().pid);
  await master.logged(`the program does not listen on unix:${path}, which was open before it`);
  const once = (text: string): number => master.stderr.split(text).length - 1;
  expect(once(`does not listen on 127.0.0.1:${port}`)).toBe(1);
  // One that gets no CPU accepts yet what waits at the path: no newer worker has it.
  await eventually(() => master.workers().length === 2, { what: 'no replaced worker is left' });
  // And back: what is queued at the other one meanwhile is not lost either.
  const next = httpGet({ socketPath: path });
  writeFileSync(file, JSON.stringify({ listens: [{ path }, address], keeps: true }));
  master.kill('SIGHUP');
  await master.logged('reloaded: generation 3');
  expect(master.workers()).toContain((await next).json().pid);
  await stops(master);
});

test('D1n a server that the program closes leaves the socket of the manager open', async () => {
  const listens = [{ port: PORT, host: '127.0.0.1' }, { port: 0 }];
  const master = start(activated('web=tcp'), { listens, keeps: true }, { options: ['--workers', '1'] });
  const port = await portOf(master);
  await master.logged('ready on');
  await httpGet({ port, path: '/close' });
  await master.logged(`the program does not listen on 127.0.0.1:${port}`);
  const waiting = await connectRaw({ port });
  waiting.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
  master.kill('SIGHUP');
  await master.logged('reloaded: generation 1');
  expect(await waiting.until('pid')).toContain('200 OK');
  await stops(master);
});

test('D1o an address beside that of the manager is an error that names both, and the program gets EADDRINUSE', async () => {
  const master = start(activated('web=any4'), { listens: [{ port: PORT, host: '127.0.0.1' }] });
  const port = await portOf(master);
  const { code } = await master.event('refused');
  expect(code).toBe('EADDRINUSE');
  const line = await master.logged('the program cannot listen');
  expect(line).toContain(`127.0.0.1:${port} is in use by 0.0.0.0:${port}, which was open before the program`);
  expect(line).toContain('ListenStream=');
  expect(await master.gone()).toMatchObject({ code: 1 });
});

test('D1o what is no listening socket is never served and never closed: a socket of UDP, one that does not listen', async () => {
  const master = start(activated('web=any', 'dns=udp', 'raw=bound'), { listens: [{ port: PORT }] });
  const port = await portOf(master);
  await master.logged(`ready on [::]:${port}`);
  for (const name of ['dns', 'raw']) {
    expect(await master.logged(`('${name}')`)).toMatch(
      /is no stream socket.*it is left open|does not listen.*it is left open/,
    );
  }
  const open = openFds(master.pid);
  expect([3, 4, 5].map((fd) => open.get(fd)?.startsWith('socket:'))).toEqual([true, true, true]);
  await stops(master);
});

test('D1o sockets that npm or a shell was given for itself are named, with the way out, when the program cannot listen', async () => {
  const between = ['sh', '-c', '"$@"; exit $?', 'sh'];
  const master = start(activated('web=any'), { listens: [{ port: PORT }] }, { between });
  const line = await master.logged('the program cannot listen');
  expect(line).toContain(`LISTEN_FDS=1 was meant for pid ${master.pid} (sh)`);
  expect(line).toContain('let the service manager start node itself');
  expect(await master.gone()).toMatchObject({ code: 1 });
});

const STARTERS: readonly [string, string, object, readonly string[]][] = [
  ['a path of Server::Starter', 'starter:unix', { path: 'app.sock' }, []],
  ['host:port of Server::Starter', 'starter:tcp', { port: PORT, host: '127.0.0.1' }, []],
  ['a port of Server::Starter', 'starter:port', { port: PORT }, []],
  ['its standard input', 'stdin', { port: PORT, host: '127.0.0.1' }, ['--listen', 'fd://0']],
];
for (const [what, how, address, more] of STARTERS) {
  test(`D1p a program listens on ${what}, also after a reload`, async () => {
    const cwd = temporaryFolder();
    const socketPath = join(cwd, 'app.sock');
    const place = how === 'starter:unix' ? `starter:${socketPath}` : how;
    const options = ['--workers', '1', ...more];
    const master = start(['passes-socket.py', place], { listens: [address] }, { options, cwd });
    await master.logged('ready on');
    const to = how === 'starter:unix' ? { socketPath } : { port: await portOf(master) };
    const before = (await httpGet(to)).json().pid;
    expect(master.workers()).toContain(before);
    expect(environmentOf(before).get('SERVER_STARTER_PORT')).toBeUndefined();
    master.kill('SIGHUP');
    await master.logged('reloaded: generation 1');
    expect((await httpGet(to)).json().pid).not.toBe(before);
    await stops(master);
  });
}

test('D1p a descriptor that --listen names and that is no listening socket is an error with the way out', async () => {
  const words = [COMMAND, '--workers', '1', '--listen', 'fd://1', inPackage('test/fixtures/hosted.cjs')];
  const master = startProgram(target.node, { args: words });
  expect(await master.gone()).toMatchObject({ code: 1 });
  expect(master.stderr).toMatch(
    /Descriptor 1, which the option 'listen' names, is .*not a listening stream socket: start the master by/,
  );
});
