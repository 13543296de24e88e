import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import type { Fd } from '../../../lib/addon/native.cjs';
import { bounded, eventually } from '../../helpers/eventually.js';
import { openFds } from '../../helpers/processes.js';
import { commandWorks, isLinux, testWhen, testWithProc } from '../../helpers/skip.js';
import { errorOf, failsCleanly, fixture, native, PATIENCE, tcp } from '../native-helpers.js';

const open = new Set<Fd>();
const receivers = new Set<Receiver>();
afterEach(async () => {
  for (const fd of open) native.closeFd(fd);
  open.clear();
  for (const { child } of receivers) child.kill('SIGKILL');
  await Promise.all([...receivers].map(({ exited }) => exited));
  receivers.clear();
});

function keep<T extends Fd | readonly Fd[]>(fds: T): T {
  for (const fd of [fds].flat() as Fd[]) open.add(fd);
  return fds;
}

function close(fd: Fd): void {
  open.delete(fd);
  native.closeFd(fd);
}

const pair = (): [Fd, Fd] => keep(native.fdChannel());
const listener = () => {
  const bound = native.listen(tcp());
  keep(bound.fd);
  return bound;
};

const countFds = (): number => readdirSync('/dev/fd').length;

interface Receiver {
  readonly child: ChildProcess;
  readonly exited: Promise<unknown>;
  ask(command: string): Promise<unknown>;
}

/** A process with `channel` as its descriptor 3, whose limit of open files is `limit`. */
async function startReceiver(channel: Fd, { limit = 1_024, left = 0, env = {} } = {}): Promise<Receiver> {
  const script = `ulimit -n ${limit}; exec "$@"`;
  const program = [process.execPath, fixture('native/receives.mjs'), `${left}`];
  const child = spawn('sh', ['-c', script, 'sh', ...program], {
    stdio: ['pipe', 'pipe', 'inherit', channel],
    env: { ...process.env, ...env },
  });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  const answer = async (): Promise<unknown> => {
    const { value, done } = await bounded(lines.next(), PATIENCE, 'the receiver answers');
    if (done) throw new Error('the receiver ended');
    return JSON.parse(value);
  };
  const receiver: Receiver = {
    child,
    exited: once(child, 'exit'),
    ask: (command) => {
      child.stdin?.write(`${command}\n`);
      return answer();
    },
  };
  receivers.add(receiver);
  expect(await answer()).toBe('ready');
  return receiver;
}

test('descriptors arrive in order with their tag, close-on-exec, as duplicates of those that were sent', () => {
  const [ours, theirs] = pair();
  const sent = [listener(), listener(), listener()];
  expect(native.sendFds(ours, { tag: 2 ** 32 - 1, fds: sent.map(({ fd }) => fd) })).toBe('sent');
  // Under way they need no process that holds them.
  for (const { fd } of sent) close(fd);
  const message = native.recvFds(theirs);
  const received = keep(message?.fds ?? []);
  expect(message?.tag).toBe(2 ** 32 - 1);
  for (const [i, fd] of received.entries()) {
    const found = native.inspectListener(fd);
    expect(found).toMatchObject({ port: sent[i]?.port, listening: true, nonBlocking: true, closeOnExec: true });
  }
  expect(received).toHaveLength(3);
});

test('messages keep their borders and their order, and 64 descriptors fit into one', () => {
  const [ours, theirs] = pair();
  const { fd } = listener();
  for (const count of [1, 64, 2]) {
    expect(native.sendFds(ours, { tag: count, fds: Array.from({ length: count }, () => fd) })).toBe('sent');
  }
  for (const count of [1, 64, 2]) {
    const message = native.recvFds(theirs);
    expect(keep(message?.fds ?? [])).toHaveLength(count);
    expect(message?.tag).toBe(count);
  }
  expect(native.recvFds(theirs)).toBeUndefined();
});

test('receiving from a channel without a message or without a sender is undefined and does not wait', () => {
  const [ours, theirs] = pair();
  expect(native.recvFds(theirs)).toBeUndefined();
  close(ours);
  expect(native.recvFds(theirs)).toBeUndefined();
  expect(native.recvFds(theirs)).toBeUndefined();
});

test('what was sent before the sender closed its end can still be received', () => {
  const [ours, theirs] = pair();
  const { fd, port } = listener();
  expect(native.sendFds(ours, { tag: 7, fds: [fd] })).toBe('sent');
  close(ours);
  const [received] = keep(native.recvFds(theirs)?.fds ?? []) as [Fd];
  expect(native.inspectListener(received)).toMatchObject({ port });
});

test('sending to a closed end says so, with and without messages left in it', () => {
  const { fd } = listener();
  for (const before of [0, 1]) {
    const [ours, theirs] = pair();
    for (let i = 0; i < before; i++) expect(native.sendFds(ours, { tag: i, fds: [fd] })).toBe('sent');
    close(theirs);
    const answers = [1, 2, 3].map((tag) => native.sendFds(ours, { tag, fds: [fd] }));
    expect(answers).toEqual(['gone', 'gone', 'gone']);
  }
});

test('a channel that no process reads becomes full, never blocks, and takes messages again once it is read', () => {
  const [ours, theirs] = pair();
  const { fd } = listener();
  let sent = 0;
  while (native.sendFds(ours, { tag: sent, fds: [fd] }) === 'sent') sent++;
  expect(sent).toBeGreaterThan(50);
  expect(native.sendFds(ours, { tag: sent, fds: [fd] })).toBe('full');
  for (let i = 0; i < sent; i++) {
    const message = native.recvFds(theirs);
    expect(message?.tag).toBe(i);
    native.closeFd(message?.fds[0] as Fd);
  }
  expect(native.sendFds(ours, { tag: sent, fds: [fd] })).toBe('sent');
});

test('a descriptor that is not open, a channel that is none, and impossible counts are errors that send nothing', () => {
  const [ours, theirs] = pair();
  const { fd } = listener();
  const send = (fds: readonly Fd[], tag = 1) => native.sendFds(ours, { tag, fds });
  expect(failsCleanly(() => send([fd, 2 ** 30]))).toMatchObject({ code: 'EBADF', syscall: 'sendmsg' });
  expect(failsCleanly(() => native.sendFds(2 ** 30, { tag: 1, fds: [fd] }))).toMatchObject({ code: 'EBADF' });
  expect(failsCleanly(() => native.recvFds(2 ** 30))).toMatchObject({ code: 'EBADF', syscall: 'recvmsg' });
  for (const fds of [[], Array.from({ length: 65 }, () => fd)]) {
    expect(errorOf(() => send(fds)).message).toMatch(/"fds".*1 to 64/);
  }
  expect(errorOf(() => send([fd], -1))).toBeInstanceOf(TypeError);
  expect(native.recvFds(theirs)).toBeUndefined();
});

test('bytes that are no message are an error, with all that is behind them; what is sent from then on arrives', () => {
  const [ours, theirs] = pair();
  const { fd } = listener();
  const before = countFds();
  for (const stranger of ['x', 'longer than the beginning of a message']) {
    writeSync(ours, stranger);
    native.sendFds(ours, { tag: 3, text: 'lost', fds: [fd, fd] });
    native.sendFds(ours, { tag: 4, fds: [fd] });
    expect(errorOf(() => native.recvFds(theirs))).toMatchObject({ code: 'EBADMSG', syscall: 'recvmsg' });
    expect(countFds()).toBe(before);
    expect(native.recvFds(theirs)).toBeUndefined();
    native.sendFds(ours, { tag: 5, fds: [fd] });
    const message = native.recvFds(theirs);
    expect(message?.tag).toBe(5);
    for (const received of message?.fds ?? []) native.closeFd(received);
  }
});

test('a message of which the end never comes is an error, and is waited for no longer than its sender lives', () => {
  const [ours, theirs] = pair();
  writeSync(ours, 'half');
  close(ours);
  expect(errorOf(() => native.recvFds(theirs))).toMatchObject({ code: 'EBADMSG', syscall: 'recvmsg' });
  expect(native.recvFds(theirs)).toBeUndefined();
});

test('messages of every length in one channel keep their words and their descriptors', () => {
  const [ours, theirs] = pair();
  const { fd } = listener();
  const messages = [0, 1, 11, 12, 13, 100, 4_095, 4_096, 8_191, 8_192, 5].map((length, tag) => ({
    tag,
    text: 'x'.repeat(length),
    fds: Array.from({ length: length === 0 ? 1 : tag % 3 }, () => fd),
  }));
  for (const message of messages) expect(native.sendFds(ours, message)).toBe('sent');
  for (const { tag, text, fds } of messages) {
    const message = native.recvFds(theirs);
    expect([message?.tag, message?.text, message?.fds.length]).toEqual([tag, text, fds.length]);
    for (const received of message?.fds ?? []) {
      expect(native.inspectListener(received)).toMatchObject({ listening: true, closeOnExec: true });
      native.closeFd(received);
    }
  }
  expect(native.recvFds(theirs)).toBeUndefined();
});

test('another process receives a listener and serves its connections, queued ones included', async () => {
  const [ours, theirs] = pair();
  const receiver = await startReceiver(theirs);
  expect(await receiver.ask('receive')).toBeNull();
  const { fd, port } = listener();
  const client = connect(port as number, '127.0.0.1');
  await once(client, 'connect');
  expect(native.sendFds(ours, { tag: 5, fds: [fd] })).toBe('sent');
  close(fd);
  expect(await receiver.ask('receive')).toMatchObject({ tag: 5, sockets: [{ listening: true, port }] });
  expect(await receiver.ask('answer')).toBe('listening');
  expect(await text(client)).toBe(`${receiver.child.pid}`);
});

test('a process that ends is gone for the sender', async () => {
  const [ours, theirs] = pair();
  const receiver = await startReceiver(theirs);
  close(theirs);
  const { fd } = listener();
  expect(native.sendFds(ours, { tag: 1, fds: [fd] })).toBe('sent');
  receiver.child.kill('SIGKILL');
  await receiver.exited;
  expect(native.sendFds(ours, { tag: 2, fds: [fd] })).toBe('gone');
});

testWithProc(
  'a receiver at its limit of open files gets an error, keeps nothing of the message, and can receive the next',
  async () => {
    const [ours, theirs] = pair();
    const receiver = await startReceiver(theirs, { limit: 100, left: 2 });
    expect(await receiver.ask('starve')).toBe('EMFILE');
    const { fd } = listener();
    const count = (): number => openFds(receiver.child.pid as number).size;
    const before = count();
    for (const size of [5, 64]) {
      expect(native.sendFds(ours, { tag: size, fds: Array.from({ length: size }, () => fd) })).toBe('sent');
      const { error } = (await receiver.ask('receive')) as { error: { text: string } };
      expect(error).toMatchObject({ code: 'EMFILE', syscall: 'recvmsg' });
      expect(error.text).toContain(
        `2 of ${size} descriptors of message ${size} arrived: raise the limit of open files`,
      );
      expect(count()).toBe(before);
    }
    native.sendFds(ours, { tag: 9, fds: [fd, fd] });
    expect(await receiver.ask('receive')).toMatchObject({
      tag: 9,
      sockets: [{ listening: true }, { listening: true }],
    });
    await eventually(() => count() === before + 2);
  },
);

testWhen(
  isLinux && commandWorks('c++', '--version') && process.env['LD_PRELOAD'] === undefined,
  'needs Linux, a compiler, and to be the only one that loads a library first',
)('a receiver without memory for the words gets an error, and keeps none of the descriptors', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-memory-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const library = join(folder, 'refuse-memory.so');
  execFileSync('c++', ['-shared', '-fPIC', '-o', library, fixture('native/refuse-memory.cc'), '-ldl']);
  const [ours, theirs] = pair();
  const receiver = await startReceiver(theirs, { env: { LD_PRELOAD: library } });
  const count = (): number => openFds(receiver.child.pid as number).size;
  const before = count();
  const { fd } = listener();
  expect(native.sendFds(ours, { tag: 1, text: 'x'.repeat(100), fds: [fd, fd, fd] })).toBe('sent');
  expect(await receiver.ask('receive')).toMatchObject({ error: { code: 'ENOMEM', syscall: 'malloc' } });
  expect(count()).toBe(before);
});

test('words arrive with descriptors, or alone, up to 8192 bytes', () => {
  const [ours, theirs] = pair();
  const { fd } = listener();
  const long = 'ü'.repeat(4_096);
  expect(native.sendFds(ours, { tag: 1, text: long, fds: [fd] })).toBe('sent');
  expect(native.sendFds(ours, { tag: 2, text: 'alone', fds: [] })).toBe('sent');
  const first = native.recvFds(theirs);
  expect(keep(first?.fds ?? [])).toHaveLength(1);
  expect(first).toMatchObject({ tag: 1, text: long });
  expect(native.recvFds(theirs)).toEqual({ tag: 2, text: 'alone', fds: [] });
  expect(() => native.sendFds(ours, { tag: 3, text: `${long}!`, fds: [] })).toThrow('at most 8192 bytes');
  expect(() => native.sendFds(ours, { tag: 4, fds: [] })).toThrow('1 to 64 descriptors');
});

test('waiting for a message ends with it, with the end of the sender, or with the time', () => {
  const [ours, theirs] = pair();
  const before = performance.now();
  native.awaitFds(theirs, 30);
  expect(performance.now() - before).toBeGreaterThanOrEqual(29);
  native.sendFds(ours, { tag: 1, text: 'here', fds: [] });
  native.awaitFds(theirs, 60_000);
  expect(native.recvFds(theirs)?.text).toBe('here');
  close(ours);
  native.awaitFds(theirs, 60_000);
  expect(native.recvFds(theirs)).toBeUndefined();
});
