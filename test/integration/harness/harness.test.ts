import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { descriptorOf } from '../../../lib/worker/system/kernel-activity.js';
import { native } from '../../helpers/addon.js';
import { catchUp } from '../../helpers/catch-up.js';
import { bounded, eventually } from '../../helpers/eventually.js';
import {
  canRefuseSyscalls,
  canUnsharePids,
  children,
  connectRaw,
  http2Get,
  httpGet,
  inPidNamespace,
  isAlive,
  processInfo,
  refusing,
  sendSignal,
  startMaster,
  target,
  testOn,
  testWhen,
  tlsMaterial,
  untilReaped,
} from '../../helpers/index.js';
import { TARGET } from '../../helpers/target.js';

test('a fixture is a session of its own, and its events, calls and output arrive', async () => {
  const master = startMaster('harness-probe');
  const { child } = await master.event('started');
  await eventually(() => master.workers().length > 0);
  expect(master.workers()).toEqual([child]);
  expect(processInfo(child)?.session).toBe(master.pid);
  expect(await master.call('add', 1, 2)).toBe(3);
  await expect(master.call('fail')).rejects.toMatchObject({ message: 'as asked', code: 'E_ASKED' });
  expect(await master.logged(/on std(err)/)).toBe('on stderr');
  expect(master.stdout).toBe('on stdout\n');
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 7, signal: null });
  expect((await master.event('heard')).signal).toBe(target.platform === 'win32' ? 'SIGBREAK' : 'SIGTERM');
  expect(isAlive(child)).toBe(false);
  await untilReaped(child);
});

testWhen(process.platform !== 'win32', 'needs descriptors')(
  'what a process has written can be read at once, whichever of its outputs Node reads first',
  async () => {
    const answers =
      "process.stdin.on('data', () => require('fs').writeSync(2, 'then')); require('fs').writeSync(2, 'first, ')";
    const child = spawn(process.execPath, ['--eval', answers], { stdio: ['pipe', 'ignore', 'pipe'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    let text = '';
    child.stderr.setEncoding('utf8').on('data', (more: string) => {
      text += more;
    });
    await eventually(() => text === 'first, ');
    child.stdin.write('go on');
    // The event loop does not turn.
    const until = performance.now() + 10_000;
    while (native.bytesWaiting(descriptorOf(child.stderr) ?? -1) === 0 && performance.now() < until);
    catchUp(child.stderr);
    expect(text).toBe('first, then');
  },
);

test('an event that cannot come any more rejects with the output of the fixture', async () => {
  const master = startMaster('harness-probe');
  await master.event('started');
  await eventually(() => master.workers().length > 0);
  const never = expect(master.event('never')).rejects.toThrow(/ended before event 'never'[\s\S]*on stderr/);
  master.killGroup('SIGKILL');
  await never;
});

test('disposal ends a fixture with all of its children', async () => {
  const master = startMaster('harness-probe');
  const { child } = await master.event('started');
  await eventually(() => master.workers().length > 0);
  await master.dispose();
  expect(isAlive(master.pid)).toBe(false);
  expect(isAlive(child)).toBe(false);
});

test('a master that died leaves outputEnded pending while its workers live', async () => {
  const master = startMaster('harness-probe');
  const { child } = await master.event('started');
  master.kill('SIGKILL');
  expect(await master.exit()).toEqual({ code: null, signal: 'SIGKILL' });
  await expect(bounded(master.outputEnded, 100, 'the end')).rejects.toThrow('Not within 100 ms: the end');
  sendSignal(child, 'SIGKILL');
  await master.gone();
});

test('clients reject when their connection is refused and when it is cut', async () => {
  const server = createServer(
    (socket) => void socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut')),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await expect(httpGet({ port })).rejects.toThrow(/aborted|cut/);
  const raw = await connectRaw({ port });
  raw.write('x');
  expect(await raw.until('cut')).toContain('200 OK');
  expect(await raw.ended()).toBe(undefined);
  raw.close();
  await new Promise((resolve) => server.close(resolve));
  await expect(httpGet({ port })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await expect(connectRaw({ port })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

test('eventually returns the value, and fails with the last error as its cause', async () => {
  let calls = 0;
  expect(await eventually(() => (++calls === 3 ? 'third' : undefined))).toBe('third');
  const failing = eventually(
    () => {
      throw new Error('not yet');
    },
    { within: 50, what: 'pigs fly' },
  );
  await expect(failing).rejects.toMatchObject({ message: 'Not within 50 ms: pigs fly', cause: { message: 'not yet' } });
});

test('the test certificates serve HTTP/2 and HTTPS to a client that trusts them', async () => {
  const { key, cert } = tlsMaterial();
  const server = createSecureServer({ key, cert, allowHTTP1: true }, (request, response) => {
    response.end(JSON.stringify({ version: request.httpVersion }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  expect((await http2Get({ port, ca: cert })).json()).toEqual({ version: '2.0' });
  expect((await httpGet({ port, ca: cert })).json()).toEqual({ version: '1.1' });
  await new Promise((resolve) => server.close(resolve));
});

testWhen(
  canUnsharePids(),
  'needs unshare --pid',
  'posixProcesses',
)('a fixture can be PID 1 of a namespace, and is ended like any other', async () => {
  const master = startMaster('harness-probe', { wrapper: inPidNamespace });
  const { from } = await master.event('started');
  expect(from).toBe(1);
  const [inside] = children(master.pid);
  expect(inside?.name).toMatch(/^(node|(node-)?MainThread)$/);
  await master.dispose();
  expect(isAlive(inside?.pid ?? 0)).toBe(false);
});

testWhen(
  canRefuseSyscalls(),
  'needs python3 and seccomp',
  'posixProcesses',
)('a fixture can be refused a system call', async () => {
  const master = startMaster('harness-probe', { wrapper: refusing('close_range', 'EPERM') });
  const { from } = await master.event('started');
  expect(from).toBe(master.pid);
});

testOn('posixProcesses')(
  'a program under the command, and one of a cluster, run on the node of the target',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'prefork-node-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const node = join(folder, 'node');
    writeFileSync(node, '#!/bin/sh\necho this is the node of the target\n', { mode: 0o755 });
    vi.stubEnv(TARGET, JSON.stringify({ ...target, node }));
    onTestFinished(() => void vi.unstubAllEnvs());
    vi.resetModules();
    const { startCommand } = await import('../../helpers/command.js');
    const { startClustered } = await import('../../helpers/clustered.js');
    for (const master of [startCommand({}), startClustered()]) {
      await master.outputEnded;
      expect(master.stdout).toBe('this is the node of the target\n');
      await master.dispose();
    }
  },
);
