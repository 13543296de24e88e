import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect } from 'vitest';
import { native } from '../../helpers/addon.js';
import {
  commandWorks,
  eachOn,
  eventually,
  type FleetConfig,
  httpGet,
  type Master,
  openFds,
  sendSignal,
  startFleet,
  testOn,
  testWhen,
} from '../../helpers/index.js';
import { expectNothingLost, startLoad } from '../../helpers/load.js';

let base: string;
let folder: string;
let path: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'prefork-gone-'));
  folder = join(base, 'run');
  mkdirSync(folder);
  path = join(folder, 'app.sock');
});
afterEach(() => rmSync(base, { recursive: true }));

const ofPosix = testOn('unixSockets', 'posixProcesses');

async function start(options: FleetConfig['options'] = {}) {
  const listen = [`unix:${path}`, '127.0.0.1:0'];
  const master = startFleet({ options: { listen, workers: 2, readyFor: 100, ...options } }, {}, 'retires');
  const { pids, addresses } = await master.event('onMasterReady');
  return { master, pids: pids as number[], addresses, port: addresses.at(-1)?.port ?? 0 };
}

function startUnbootable(workers: number, unbootable: string): Master {
  const config = { options: { listen: `unix:${path}`, workers }, unbootable };
  return startFleet(config, {}, 'retires');
}

const refused = () =>
  expect(httpGet({ socketPath: path })).rejects.toMatchObject({ code: expect.stringMatching(/ENOENT|ECONNREFUSED/) });

/** By every worker: connections alternate, more or less. */
async function answersWith(generation: number): Promise<void> {
  for (let i = 0; i < 20; i++) {
    expect((await httpGet({ socketPath: path })).json()).toMatchObject({ generation });
  }
}

async function stops(master: Master): Promise<void> {
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
  expect(readdirSync(base).includes('run') ? readdirSync(folder) : []).toEqual([]);
}

/** How many sockets and lock files it holds. */
function sockets(master: Master): number {
  return [...openFds(master.pid).values()].filter((what) => /^socket:|\.lock/.test(what)).length;
}

/** Leaves what a master leaves behind that died. */
function leaveStale(): void {
  native.closeFd(native.listen({ family: 'unix', path, backlog: 1 }).fd);
}

const LOCK = '.lock';
/** Several reloads: milliseconds on a machine that does other things, too. */
const SLOW = 120_000;

eachOn(
  [
    { how: 'its file was removed', take: () => unlinkSync(path), said: 'is gone' },
    {
      how: 'its file and its lock were removed',
      take: () => {
        unlinkSync(path);
        unlinkSync(`${path}${LOCK}`);
      },
      said: 'is gone',
    },
    {
      how: 'its folder was removed and made again',
      take: () => {
        rmSync(folder, { recursive: true });
        mkdirSync(folder);
      },
      said: 'is gone',
    },
    {
      how: 'its folder was moved away and made again',
      take: () => {
        renameSync(folder, join(base, 'elsewhere'));
        mkdirSync(folder);
      },
      said: 'is gone',
    },
    {
      how: 'a dead socket took its place',
      take: () => {
        unlinkSync(path);
        leaveStale();
      },
      said: 'was replaced by another file',
    },
  ],
  () => ['unixSockets', 'posixProcesses'],
)(
  'N11e a unix socket is bound again by the reload after $how, and everything else is as before',
  async ({ take, said }) => {
    const { master, addresses, port } = await start();
    const { mode } = lstatSync(path);
    const before = sockets(master);
    for (let generation = 1; generation <= 2; generation++) {
      take();
      await refused();
      expect(await master.call('reload')).toMatchObject({ ok: true, generation });
      await answersWith(generation);
      expect((await httpGet({ port })).status).toBe(200);
      expect(lstatSync(path).mode).toBe(mode);
      // The old workers are gone, and the old socket with them.
      await eventually(() => master.workers().length === 2, { what: 'the old workers have drained' });
      await eventually(() => sockets(master) === before, { what: 'the old socket is closed' });
      rmSync(join(base, 'elsewhere'), { recursive: true, force: true });
    }
    expect(await master.call('addresses')).toEqual(addresses);
    expect(
      master.stderr.match(new RegExp(`listener '0': ${path} ${said}: no client reaches the fleet there`, 'g')),
    ).toHaveLength(2);
    expect(master.stderr.match(/ is bound again; /g)).toHaveLength(2);
    // The lock guards the path as before.
    const second = startFleet({ options: { listen: `unix:${path}` } });
    const { error } = await second.event('settled');
    expect(error).toMatchObject({ code: 'EADDRINUSE', path });
    await stops(master);
  },
);

ofPosix(
  'N11e the mode of a unix socket is the same when it is bound again, asked for or not',
  async () => {
    const { master } = await start({ listen: [{ path, mode: 0o600 }, `unix:${path}2`] });
    const modes = () => [path, `${path}2`].map((one) => lstatSync(one).mode & 0o777);
    const before = modes();
    expect(before[0]).toBe(0o600);
    unlinkSync(path);
    unlinkSync(`${path}2`);
    expect(await master.call('reload')).toMatchObject({ ok: true });
    expect(modes()).toEqual(before);
    await stops(master);
  },
  SLOW,
);

eachOn(
  [
    {
      what: 'its folder is gone',
      take: () => rmSync(folder, { recursive: true }),
      putRight: () => void mkdirSync(folder),
      said: /is gone: .*cannot be bound again .*ENOENT.*the folder of a unix socket must exist/,
    },
    {
      what: 'a regular file is in its place',
      take: () => {
        unlinkSync(path);
        writeFileSync(path, 'precious');
      },
      putRight: () => {
        expect(readFileSync(path, 'utf8')).toBe('precious');
        unlinkSync(path);
      },
      said: /was replaced by another file: .*cannot be bound again .*EADDRINUSE.*no socket is there and is left alone/,
    },
    {
      what: 'a link is in its place',
      take: () => {
        unlinkSync(path);
        symlinkSync(join(base, 'nowhere'), path);
      },
      putRight: () => unlinkSync(path),
      said: /was replaced by another file: .*cannot be bound again .*EADDRINUSE.*left alone/,
    },
  ],
  () => ['unixSockets', 'posixProcesses'],
)(
  'N11f a reload that cannot bind a unix socket again, because $what, succeeds, and warns once of path and way out',
  async ({ take, putRight, said }) => {
    const { master, port } = await start({ workers: 3 });
    take();
    expect(await master.call('reload')).toMatchObject({ ok: true, generation: 1 });
    expect((await httpGet({ port })).json()).toMatchObject({ generation: 1 });
    const lines = master.stderr.split('\n').filter((line) => line.includes(`listener '0': ${path} `));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(said);
    putRight();
    expect(await master.call('reload')).toMatchObject({ ok: true, generation: 2 });
    await answersWith(2);
    await stops(master);
  },
);

ofPosix('N11f a live server that took the path over keeps it, and the fleet warns', async () => {
  const { master, port } = await start();
  unlinkSync(path);
  const answer = 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nother';
  const other = createServer((socket) =>
    socket
      .on('error', () => {})
      .resume()
      .end(answer),
  ).listen(path);
  expect(await master.call('reload')).toMatchObject({ ok: true, generation: 1 });
  expect(master.stderr).toMatch(/was replaced by another file: .*a server is alive there/);
  expect((await httpGet({ socketPath: path })).body).toBe('other');
  expect((await httpGet({ port })).json()).toMatchObject({ generation: 1 });
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
  expect(readdirSync(folder)).toEqual(['app.sock']);
  await new Promise((resolve) => other.close(resolve));
});

ofPosix('N11g the old workers answer clients that wait in the queue of the socket whose file was removed', async () => {
  const { master, pids } = await start({ drainTimeout: 60_000 });
  for (const pid of pids) sendSignal(pid, 'SIGSTOP');
  const waiting = Array.from({ length: 30 }, () => httpGet({ socketPath: path, within: 60_000 }));
  // Connected, as far as the client can know, when the file goes.
  await eventually(() => queuedAt(master, 30), { what: '30 connections are queued' });
  unlinkSync(path);
  expect(await master.call('reload')).toMatchObject({ ok: true, generation: 1 });
  await answersWith(1);
  for (const pid of pids) sendSignal(pid, 'SIGCONT');
  for (const answer of await Promise.all(waiting)) expect(answer.json().generation).toBe(0);
  await stops(master);
});

/** A client that is connected and not accepted yet has no inode (0) in /proc/net/unix, and the name that the listener was bound under. */
function queuedAt(master: Master, count: number): boolean {
  const lines = readFileSync(`/proc/${master.pid}/net/unix`, 'latin1').split('\n');
  return lines.filter((line) => line.includes(` 0 ${folder}/.`)).length >= count;
}

ofPosix(
  'N11h kept connections lose nothing when the file goes and the socket is bound again',
  async () => {
    const { master } = await start();
    const load = startLoad({ path, mode: 'keep-alive', concurrency: 8 });
    for (let generation = 1; generation <= 3; generation++) {
      await load.answered(50);
      unlinkSync(path);
      expect(await master.call('reload')).toMatchObject({ ok: true, generation });
      // What an old worker answers may end its connection, and while the file is gone no client comes back.
      await eventually(() => master.workers().length === 2, { what: 'the replaced workers are gone' });
    }
    expectNothingLost(await load.stop());
    await stops(master);
  },
  SLOW,
);

ofPosix('N11i a worker that fills a lost slot binds a missing unix socket again, too', async () => {
  const { master, pids } = await start({ workers: 1, listen: `unix:${path}` });
  unlinkSync(path);
  sendSignal(pids[0] as number, 'SIGKILL');
  await master.event('onChildRecover');
  await answersWith(0);
  expect(master.stderr.match(/is gone: no client reaches the fleet there/g)).toHaveLength(1);
  await stops(master);
});

ofPosix('N11i a release that does not boot publishes no socket and leaves no file, and the next one does', async () => {
  const unbootable = join(base, 'unbootable');
  const master = startUnbootable(2, unbootable);
  await master.event('onMasterReady');
  unlinkSync(path);
  writeFileSync(unbootable, '');
  expect(await master.call('reload')).toMatchObject({ ok: false });
  await eventually(() => readdirSync(folder).join() === `app.sock${LOCK}`, { what: 'the new socket is gone' });
  unlinkSync(unbootable);
  expect(await master.call('reload')).toMatchObject({ ok: true });
  expect((await httpGet({ socketPath: path })).status).toBe(200);
  await stops(master);
});

ofPosix('N11i a stop that comes before the new socket has its name leaves no file', async () => {
  const unbootable = join(base, 'unbootable');
  const master = startUnbootable(1, unbootable);
  await master.event('onMasterReady');
  unlinkSync(path);
  writeFileSync(unbootable, 'hangs');
  master.kill('SIGHUP');
  await master.event('serve', { nth: 2 });
  expect(readdirSync(folder)).toHaveLength(2);
  await stops(master);
});

const withPython = testWhen(commandWorks('python3', '-c', ''), 'needs python3', 'posixProcesses');

withPython(
  'N11j the file of a unix socket of the service manager is never bound again, and the log says whose it is',
  async () => {
    const activates = fileURLToPath(new URL('../../fixtures/activates.py', import.meta.url));
    const master = startFleet(
      { options: { listen: `unix:${path}`, workers: 1 } },
      { wrapper: ['python3', activates, `local=unix:${path}`, '--'] },
    );
    await master.event('onMasterReady');
    unlinkSync(path);
    expect(await master.call('reload')).toMatchObject({ ok: true });
    expect(readdirSync(folder)).toEqual([]);
    expect(master.stderr).toMatch(
      /is gone: no client reaches the fleet there. It is the service manager's: restart its socket unit/,
    );
    await stops(master);
  },
);
