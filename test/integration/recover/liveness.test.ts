import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { recovered, startBlocking, stops } from '../../helpers/blocking-fleet.js';
import { commandLineOf, httpGet, sendSignal, startMaster, testOn, untilDead } from '../../helpers/index.js';

/** Milliseconds. */
const TIMEOUT = 1_000;

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** The master asks for a second: a worker whose threads get no CPU for so long has no stack to show. */
const HAS_A_STACK_IN_TIME = { retry: 2 };

testOn('blockedStacks')(
  'L10 a worker that is blocked by JavaScript is logged with its stack, killed and recovered',
  async () => {
    const { master, pids, port } = await startBlocking(TIMEOUT);
    const [pid] = pids as [number];
    await master.call('sendTo', 0, 'javascript');
    const blocked = await master.event('heard');
    const line = await master.logged(`worker 0 (pid ${pid}, generation 0): its event loop made no progress for 1.0 s`);
    expect(line).toMatch(/, so it is killed; JavaScript stack:$/);
    const stack = await master.logged(/JavaScript stack:\n(?: {4}at .*\n)+/);
    expect(stack.split('\n').slice(1, 3)).toEqual([
      expect.stringMatching(/^ {4}at spinForever \(\/.*\/test\/fixtures\/blocks\.mjs:\d+:\d+\)$/),
      expect.stringMatching(/^ {4}at addUp \(\/.*\/test\/fixtures\/blocks\.mjs:\d+:\d+\)$/),
    ]);
    await recovered(master, pid);
    await master.logged(/was killed by SIGKILL after \d+ ms \(the master killed it: it made no progress for 1\.0 s\)/);
    const exit = await master.event('onChildExit', { where: (event) => event['pid'] === pid });
    expect(exit.at - blocked.at).toBeGreaterThan(TIMEOUT - 100);
    // 1.5 × the timeout; the rest is for a machine with other things to do.
    expect(exit.at - blocked.at).toBeLessThan(1.5 * TIMEOUT + 10_000);
    expect((await httpGet({ port })).status).toBe(200);
    await stops(master);
    expect(master.stderr).not.toContain('Debugger listening');
  },
  HAS_A_STACK_IN_TIME,
);

test(
  'L10 a worker that is blocked in native code is killed and recovered, and the log says where it is',
  HAS_A_STACK_IN_TIME,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'prefork-'));
    folders.push(folder);
    const fifo = join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const { master, pids } = await startBlocking(TIMEOUT, [fifo]);
    await master.call('sendTo', 1, 'native');
    await master.logged(/worker 1 .* made no progress for 1\.0 s, so it is killed; JavaScript stack: in native code$/m);
    await recovered(master, pids[1] as number);
    await stops(master);
  },
);

testOn('blockedStacks')(
  'L10 a blocked worker behind a shell is asked for its stack, and killed',
  async () => {
    const master = startMaster('blocks', { args: [JSON.stringify({ livenessTimeout: TIMEOUT, wrapped: true })] });
    const { pids } = await master.event('onMasterReady');
    await master.call('sendTo', 0, 'javascript');
    const { pid } = await master.event('heard');
    await master.logged(/JavaScript stack:\n {4}at spinForever \(/);
    // The shell may be killed, or be quick enough to report the end of the worker as its own.
    const { exit } = await master.event('onChildExit', { where: (event) => event['pid'] === pids[0] });
    expect(['SIGKILL', 137]).toContain(exit.signal ?? exit.code);
    await master.logged(/worker 0 .* \(the master killed it: it made no progress for 1\.0 s\)/);
    await untilDead(pid);
    await master.event('onChildRecover');
    await stops(master);
  },
  HAS_A_STACK_IN_TIME,
);

testOn('blockedStacks')(
  'L10 a worker that begins to drain while it is asked for its stack closes its inspector again, and serves on',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'prefork-'));
    folders.push(folder);
    const fifo = join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const master = startMaster('asked-and-stops', { args: [fifo] });
    const { pids, addresses } = await master.event('onMasterReady');
    const answer = httpGet({ port: addresses[0].port });
    expect(await master.event('asked')).toMatchObject({ pid: pids[0] });
    // The worker executes JavaScript again.
    closeSync(openSync(fifo, constants.O_RDWR));
    const { url } = await master.event('inspector opened');
    await master.event('inspector closed');
    await expect(httpGet({ port: Number(new URL(url).port) })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect((await answer).body).toBe('held');
    expect((await master.event('onChildExit')).exit).toEqual({ code: 0, signal: null, requested: true });
    expect(await master.gone()).toEqual({ code: 0, signal: null });
  },
);

test('L10 a worker that is stopped is killed and recovered, without a stack', async () => {
  const { master, pids } = await startBlocking(TIMEOUT);
  sendSignal(pids[0] as number, 'SIGSTOP');
  await master.logged(
    /worker 0 .* made no progress for 1\.0 s, so it is killed; JavaScript stack: inspector unavailable$/m,
  );
  await recovered(master, pids[0] as number);
  await stops(master);
});

test('L10 a worker whose program handles SIGUSR1 itself is not disturbed by it', async () => {
  const { master, pids } = await startBlocking(TIMEOUT);
  await master.call('sendTo', 0, 'handled SIGUSR1');
  // The worker reads the second message when the handler is there, and the pong to a ping in this time says so.
  await delay(TIMEOUT);
  await master.call('sendTo', 0, 'javascript');
  await master.logged(/worker 0 .* so it is killed; JavaScript stack: inspector unavailable$/m);
  await recovered(master, pids[0] as number);
  await stops(master);
});

test('L10 workers have an inspector that can be asked only when the option is set, and their children do not know', async () => {
  const watched = await startBlocking(TIMEOUT);
  expect(commandLineOf(watched.pids[0] as number)).toContain('--inspect-port=0');
  await watched.master.call('sendTo', 0, 'inspector');
  expect(await watched.master.event('inspector')).toMatchObject({ url: null, execArgv: [] });
  const unwatched = startMaster('blocks', { args: ['{}'] });
  const { pids } = await unwatched.event('onMasterReady');
  expect(commandLineOf(pids[0] as number).join(' ')).not.toContain('inspect');
  await Promise.all([stops(watched.master), stops(unwatched)]);
});
