import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import {
  connectRaw,
  httpGet,
  type Master,
  patience,
  sendSignal,
  startFleet,
  startReadyFleet,
  target,
  testOn,
  testWhen,
} from '../../helpers/index.js';

const folder = mkdtempSync(join(tmpdir(), 'prefork-w17-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const UNIX = target.lacks.unixSockets === undefined;
let paths = 0;
const freshPath = (): string => join(folder, `${++paths}.sock`);

const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'));

const codeOf = async (master: Master): Promise<string> => {
  const { ok, error } = await master.event('settled', { where: ({ child }) => child === false });
  return ok ? 'ok' : error.code;
};

testWhen(hasIpv6, 'needs IPv6')(
  'W17 IPv4, IPv6 and, where there are any, a unix socket are served by every worker, also after a recovery',
  async () => {
    const path = freshPath();
    const { master, pids, addresses } = await startReadyFleet({
      serve: 'ready-made http',
      options: { workers: 2, listen: ['127.0.0.1:0', '[::1]:0', ...(UNIX ? [`unix:${path}`] : [])] },
    });
    const [v4, v6, unix] = addresses;
    const ask = async (): Promise<void> => {
      for (const where of [{ port: v4?.port ?? 0 }, { port: v6?.port ?? 0, host: '::1' }, { socketPath: path }]) {
        if (UNIX || !('socketPath' in where)) expect((await httpGet(where)).status).toBe(200);
      }
    };
    if (UNIX) expect(unix).toEqual({ name: '2', family: 'unix', address: path });
    await ask();
    // One worker at a time, so that each of them is known to serve all three.
    for (const pid of pids) {
      sendSignal(pid, 'SIGSTOP');
      await ask();
      sendSignal(pid, 'SIGCONT');
    }
    sendSignal(pids[0] as number, 'SIGKILL');
    await master.event('onChildRecover');
    sendSignal(pids[1] as number, 'SIGSTOP');
    await ask();
    sendSignal(pids[1] as number, 'SIGCONT');
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
    expect(existsSync(path)).toBe(false);
  },
);

testOn('unixSockets')('W17 the file of a unix socket outlives its workers and is removed by the master', async () => {
  const path = freshPath();
  const { master, pids } = await startReadyFleet({
    options: { workers: 2, recoverInterval: 0, listen: `unix:${path}` },
  });
  const { ino } = statSync(path);
  for (const [index, pid] of pids.entries()) {
    sendSignal(pid, index === 0 ? 'SIGKILL' : 'SIGTERM');
    await master.event('onChildRecover', { nth: index + 1 });
  }
  expect(statSync(path).ino).toBe(ino);
  expect((await httpGet({ socketPath: path })).status).toBe(200);
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
  expect(existsSync(path)).toBe(false);
});

testOn('unixSockets')('W17 the stale file of a master that was killed is replaced', async () => {
  const path = freshPath();
  const options = { listen: `unix:${path}` } as const;
  const { master } = await startReadyFleet({ options });
  master.kill('SIGKILL');
  await master.gone();
  expect(lstatSync(path).isSocket()).toBe(true);
  await expect(connectRaw({ socketPath: path })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await startReadyFleet({ options });
  expect((await httpGet({ socketPath: path })).status).toBe(200);
});

testOn('unixSockets')(
  'W17 a live unix socket of another master is refused with EADDRINUSE and left alone',
  async () => {
    const path = freshPath();
    const options = { listen: `unix:${path}` } as const;
    await startReadyFleet({ options });
    const second = startFleet({ options });
    expect(await codeOf(second)).toBe('EADDRINUSE');
    await second.gone();
    expect((await httpGet({ socketPath: path })).status).toBe(200);
  },
);

testOn('unixSockets')('W17 a live unix socket whose queue is full is refused, too', async () => {
  const path = freshPath();
  const listen = [{ path, backlog: 1 }] as const;
  const { pids } = await startReadyFleet({ options: { workers: 1, listen } });
  sendSignal(pids[0] as number, 'SIGSTOP');
  // The queue of a unix socket holds backlog + 1 connections; the next one gets EAGAIN.
  const queued = [await connectRaw({ socketPath: path }), await connectRaw({ socketPath: path })];
  await expect(connectRaw({ socketPath: path })).rejects.toMatchObject({ code: 'EAGAIN' });
  const second = startFleet({ options: { listen } });
  expect(await codeOf(second)).toBe('EADDRINUSE');
  await second.gone();
  sendSignal(pids[0] as number, 'SIGCONT');
  expect(existsSync(path)).toBe(true);
  for (const connection of queued) connection.close();
});

testOn('unixSockets')(
  'W17 a live unix socket of a program that knows nothing of prefork is refused and left alone',
  async () => {
    const path = freshPath();
    const server = createServer((socket) => socket.end('mine'));
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const master = startFleet({ options: { listen: `unix:${path}` } });
    expect(await codeOf(master)).toBe('EADDRINUSE');
    await master.gone();
    const connection = await connectRaw({ socketPath: path });
    await connection.until('mine');
    await connection.ended();
    await new Promise((resolve) => server.close(resolve));
  },
);

testOn('unixSockets')(
  'W17 of masters that start at the same instant on one stale file exactly one gets it, 5 times',
  async () => {
    for (let round = 0; round < 5; round++) {
      const path = freshPath();
      // A socket file without a socket, as a master leaves it that was killed.
      execFileSync('python3', ['-c', 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])', path]);
      const rivals = Array.from({ length: 3 }, () => startFleet({ options: { workers: 1, listen: `unix:${path}` } }));
      const outcomes = await Promise.all(
        rivals.map((master) => Promise.race([master.event('onMasterReady').then(() => 'ready'), codeOf(master)])),
      );
      expect(outcomes.toSorted()).toEqual(['EADDRINUSE', 'EADDRINUSE', 'ready']);
      const winner = rivals[outcomes.indexOf('ready')] as Master;
      expect(winner.workers()).toContain((await httpGet({ socketPath: path })).json().pid);
      winner.kill('SIGTERM');
      expect(await winner.gone()).toEqual({ code: 0, signal: null });
      expect(existsSync(path)).toBe(false);
    }
  },
  patience(120_000),
);

testOn('unixSockets')(
  'W17 the stop does not remove a file that another program put in the place of the socket',
  async () => {
    const path = freshPath();
    const { master } = await startReadyFleet({ options: { listen: `unix:${path}` } });
    renameSync(path, `${path}.moved`);
    writeFileSync(path, 'precious');
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
    expect(lstatSync(path).isFile()).toBe(true);
  },
);
