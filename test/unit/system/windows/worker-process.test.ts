import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { Channel } from '../../../../lib/protocol/channel.js';
import { overStreams } from '../../../../lib/protocol/ends-windows.js';
import type { InitMessage, MasterMessage, WorkerMessage } from '../../../../lib/protocol/protocol.cjs';
import { FROM_MASTER } from '../../../../lib/protocol/what-masters-say.js';
import type { OpenListener } from '../../../../lib/system/open-listener.js';
import type { ProcessExit } from '../../../../lib/system/system.js';
import { WindowsProcess } from '../../../../lib/system/windows/worker-process.js';
import { native } from '../../../helpers/addon.js';
import { bounded, eventually } from '../../../helpers/index.js';

const PID = 4_711;
const WRAPPED = 4_712;
const WIRE = { name: '0', family: 'IPv4', address: '127.0.0.1', port: 80, fd: 3, boundAs: '127.0.0.1' } as const;
const INIT: InitMessage = { type: 'init', listeners: [{ ...WIRE, backlog: 1, ipv6Only: false }] };

const cleanUps: (() => void)[] = [];
afterEach(() => {
  for (const one of cleanUps.splice(0)) one();
});

interface Options {
  readonly diesWithMaster?: boolean;
  /** Without the pipes of `command.stdio`. */
  readonly deaf?: boolean;
  readonly duplicate?: (socket: number, pid: number) => Buffer;
  readonly createJob?: () => never;
}

function pipe(): [Socket, Socket] {
  const [a, b] = native.socketPair().map((fd) => new Socket({ fd, readable: true, writable: true }));
  for (const end of [a, b]) cleanUps.push(() => end?.destroy());
  return [a as Socket, b as Socket];
}

/** A worker whose process, job and pipes are the test's. */
function start({ diesWithMaster = false, deaf = false, duplicate, createJob }: Options = {}) {
  const calls: string[] = [];
  const child = new EventEmitter() as EventEmitter & { stdio: unknown[]; exitCode: number | null };
  const [control, theirControl] = pipe();
  const [report, theirReport] = pipe();
  const kill = (signal: string): boolean => calls.push(`kill ${signal}`) > 0;
  Object.assign(child, { pid: PID, stdout: null, stderr: null, exitCode: null, signalCode: null, kill });
  child.stdio = deaf ? [null, null, null] : [null, null, null, control, report];
  const binding = {
    createJob:
      createJob ??
      (() => ({
        terminate: (code: number): boolean => {
          calls.push(`terminate ${code}`);
          queueMicrotask(() => exit({ code, signal: null }));
          return true;
        },
        release: () => void calls.push('release'),
        close: () => void calls.push('close job'),
      })),
    shareNewborns: (pid: number) => void calls.push(`share newborns with ${pid}`),
    duplicateSocket: duplicate ?? ((socket: number, pid: number) => Buffer.from(`socket ${socket} for ${pid}`)),
  };
  const messages: WorkerMessage[] = [];
  const heard: MasterMessage[] = [];
  let onExit!: (exit: ProcessExit) => void;
  const exited = new Promise<ProcessExit>((resolve) => {
    onExit = resolve;
  });
  const events = {
    message: (message: WorkerMessage) => void messages.push(message),
    stderr: () => {},
    exit: onExit,
    broke: () => {},
    full: () => {},
    dropped: () => {},
  };
  const listeners = [{ fd: 9 } as OpenListener];
  const worker = new WindowsProcess(binding, child as unknown as ChildProcess, { listeners, diesWithMaster }, events);
  // The other side of the pipes: what it hears, and how it speaks.
  const itself = new Channel<MasterMessage, WorkerMessage>(overStreams(theirControl, theirReport), FROM_MASTER, {
    message: (message) => void heard.push(message),
    garbage: () => {},
    close: () => {},
  });
  theirReport.resume();
  function exit({ code, signal }: ProcessExit): void {
    child.exitCode = code;
    itself.close();
    child.emit('exit', code, signal);
  }
  return {
    worker,
    child,
    calls,
    messages,
    heard,
    itself,
    exit,
    exited: bounded(exited, 3_000, 'the exit is reported'),
  };
}

test('sockets are duplicated for the process that says hello, before anything else is sent', async () => {
  const { worker, heard, itself, calls } = start();
  expect(worker.pid).toBe(PID);
  expect(worker.send(INIT)).toBe(true);
  expect(worker.send({ type: 'message', data: 'early' })).toBe(true);
  expect(calls).toEqual([]);
  itself.send({ type: 'watching', pid: WRAPPED });
  await eventually(() => heard.length === 2);
  const handover = Buffer.from(`socket 9 for ${WRAPPED}`).toString('base64');
  expect(heard).toEqual([
    { ...INIT, listeners: [{ ...INIT.listeners[0], handover }] },
    { type: 'message', data: 'early' },
  ]);
});

test('from hello on the worker watches the master itself, and its job lets it; not when it is to die with the master', async () => {
  const one = start();
  one.itself.send({ type: 'watching', pid: PID });
  await eventually(() => one.calls.includes('release'));
  const other = start({ diesWithMaster: true });
  other.itself.send({ type: 'watching', pid: PID });
  other.itself.send({ type: 'became-ready', pid: PID });
  await eventually(() => other.messages.length === 1);
  expect(other.calls).toEqual([]);
});

test('a worker that ends by itself does not end what it has started, though it would have died with its master', async () => {
  const { itself, messages, calls, exit, exited } = start({ diesWithMaster: true });
  itself.send({ type: 'watching', pid: PID });
  itself.send({ type: 'became-ready', pid: PID });
  await eventually(() => messages.length === 1);
  exit({ code: 0, signal: null });
  await exited;
  expect(calls).toEqual(['release', 'close job']);
});

test('SIGKILL ends the whole job, and is the signal that the exit reports', async () => {
  const { worker, calls, exited } = start();
  expect(worker.kill('SIGKILL')).toBe(true);
  expect(await exited).toEqual({ code: null, signal: 'SIGKILL' });
  expect(calls).toEqual(['terminate 137', 'close job']);
  expect(worker.kill('SIGKILL')).toBe(false);
  expect(worker.send({ type: 'message', data: 1 })).toBe(false);
});

test('the exit of a worker that ends by itself is reported as it was, also when the master was about to kill it', async () => {
  const { worker, exit, exited } = start();
  exit({ code: 0, signal: null });
  worker.kill('SIGKILL');
  expect(await exited).toEqual({ code: 0, signal: null });
});

test('SIGTERM ends a worker that does not listen to the channel yet, and asks one that does', async () => {
  const booting = start();
  booting.itself.send({ type: 'watching', pid: PID });
  await eventually(() => booting.calls.includes('release'));
  booting.worker.kill('SIGTERM');
  expect(await booting.exited).toEqual({ code: null, signal: 'SIGTERM' });

  const serving = start();
  serving.itself.send({ type: 'watching', pid: PID });
  serving.itself.send({ type: 'listening' });
  serving.itself.send({ type: 'became-ready', pid: PID });
  await eventually(() => serving.messages.length === 1);
  expect(serving.worker.kill('SIGTERM')).toBe(true);
  await eventually(() => serving.heard.length === 1);
  expect(serving.heard).toEqual([{ type: 'drain', reason: 'stop' }]);
  expect(serving.calls).toEqual([`share newborns with ${PID}`, 'release']);
});

test('a socket that cannot be duplicated is a boot error, and the end of the worker', async () => {
  const duplicate = (): never => {
    throw Object.assign(new Error('WSADuplicateSocketW ENOBUFS'), { code: 'ENOBUFS' });
  };
  const { worker, itself, messages, exited } = start({ duplicate });
  worker.send(INIT);
  itself.send({ type: 'watching', pid: PID });
  expect(await exited).toEqual({ code: null, signal: 'SIGKILL' });
  expect(messages).toEqual([
    { type: 'boot-failed', error: { name: 'Error', message: 'WSADuplicateSocketW ENOBUFS', code: 'ENOBUFS' } },
  ]);
});

test('without its pipes the master cannot send a worker anything, and hears of its exit all the same', async () => {
  const { worker, exit, exited } = start({ deaf: true });
  expect(worker.send(INIT)).toBe(false);
  exit({ code: 1, signal: null });
  expect(await exited).toEqual({ code: 1, signal: null });
});

test('when a wrapper ends, the worker behind it is asked to end', async () => {
  const { child, itself, heard, calls } = start();
  itself.send({ type: 'watching', pid: WRAPPED });
  await eventually(() => calls.includes('release'));
  child.emit('exit', 1, null);
  await eventually(() => heard.length === 1);
  expect(heard).toEqual([{ type: 'drain', reason: 'stop' }]);
});

test('a process that has ended before it could be put into a job is reported as ended', async () => {
  const createJob = (): never => {
    throw Object.assign(new Error('OpenProcess ESRCH'), { code: 'ESRCH' });
  };
  const { worker, exit, exited, calls } = start({ createJob });
  worker.kill('SIGKILL');
  expect(calls).toEqual(['kill SIGKILL']);
  exit({ code: 3, signal: null });
  expect(await exited).toEqual({ code: 3, signal: null });
});

test('without a job no worker runs: it could outlive its master', () => {
  const createJob = (): never => {
    throw Object.assign(new Error('AssignProcessToJobObject EPERM'), { code: 'EPERM' });
  };
  expect(() => start({ createJob })).toThrow('EPERM');
});
