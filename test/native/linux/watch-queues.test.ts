import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, onTestFinished } from 'vitest';
import type { Fd, QueueWatch, WaitingQueue } from '../../../lib/addon/native.cjs';
import { eventually } from '../../helpers/eventually.js';
import { openFds } from '../../helpers/processes.js';
import { commandWorks, testOnLinux as test, testWhen } from '../../helpers/skip.js';
import { errorOf, failsCleanly, fixture, native, PATIENCE, statusField, tcp } from '../native-helpers.js';

const THREAD = 'prefork-queues';
/** Milliseconds. Long enough for a test to act within it on a busy machine. */
const DELAY = 200;
/** Where this process has to accept within the delay. */
const PATIENT_DELAY = 1_000;

const listeners = new Set<Fd>();
const clients = new Set<Socket>();
const watches = new Set<QueueWatch>();
afterEach(async () => {
  for (const watch of watches) watch.close();
  watches.clear();
  await hangUp();
  for (const fd of listeners) native.closeFd(fd);
  listeners.clear();
  await eventually(() => threads().length === 0);
});

function listener(): { readonly fd: Fd; readonly port: number } {
  const { fd, port } = native.listen(tcp());
  listeners.add(fd);
  return { fd, port: port as number };
}

function close(fd: Fd): void {
  listeners.delete(fd);
  native.closeFd(fd);
}

/** Connects, so that the queue holds a connection. */
async function queue(port: number): Promise<void> {
  const client = connect(port, '127.0.0.1');
  // Closing a listener resets the connections in its queue.
  client.on('error', () => {});
  clients.add(client);
  await once(client, 'connect');
}

/** Closes the connections of this side, down to their descriptors. */
async function hangUp(): Promise<void> {
  const closed = [...clients].map((client) => client.closed || new Promise((resolve) => client.once('close', resolve)));
  for (const client of clients) client.destroy();
  clients.clear();
  await Promise.all(closed);
}

/** Accepts everything on this socket until it is closed; the socket stays the test's. */
async function accept(fd: Fd): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => {}).end()).listen({ fd: native.dupFd(fd) });
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  return server;
}

interface Watching {
  readonly watch: QueueWatch;
  /** Every call of onWaiting. */
  readonly reports: WaitingQueue[][];
  /** Waits for the report of that number, from 0. */
  report(index: number): Promise<readonly WaitingQueue[]>;
}

function watching(fds: readonly Fd[], pause = DELAY): Watching {
  const reports: WaitingQueue[][] = [];
  const watch = native.watchQueues({ fds, delay: pause }, (queues) => reports.push(queues));
  watches.add(watch);
  const report = (index: number) =>
    eventually(() => reports[index], { within: PATIENCE, what: `report ${index} comes` });
  return { watch, reports, report };
}

function threads(): string[] {
  return readdirSync('/proc/self/task').filter((task) => {
    try {
      return readFileSync(`/proc/self/task/${task}/comm`, 'utf8').trim() === THREAD;
    } catch {
      return false; // it ended between the two calls
    }
  });
}

/** How often the thread of the only watch went to sleep so far. */
async function sleeps(): Promise<number> {
  return Number(statusField(await status(), 'voluntary_ctxt_switches'));
}

/** Of the thread of the watch. */
async function status(): Promise<string> {
  // A thread names itself, a moment after it was made.
  const [task] = await eventually(() => threads().length === 1 && threads());
  return readFileSync(`/proc/self/task/${task}/status`, 'utf8');
}

/** The same once the thread is asleep and has been so for a moment. */
async function asleep(): Promise<number> {
  let count = -1;
  await eventually(async () => {
    const before = count;
    count = await sleeps();
    await delay(30);
    return count === before && statusField(await status(), 'State')?.startsWith('S') === true;
  });
  return count;
}

test('a watch of empty queues sleeps without a single wake-up', async () => {
  watching([listener().fd, listener().fd]);
  const before = await asleep();
  await delay(1_000);
  expect(await sleeps()).toBe(before);
});

// This process may get no CPU for the delay while connections wait: then the watch is right to report.
test(
  'a connection that is accepted in time is never reported, and the queue is watched on',
  async () => {
    const { fd, port } = listener();
    const { reports, report } = watching([fd], PATIENT_DELAY);
    const server = await accept(fd);
    // All within the delay, so that the watch looks once, and finds the queue empty.
    for (let i = 0; i < 20; i++) await queue(port);
    await delay(1.5 * PATIENT_DELAY);
    expect(reports).toEqual([]);
    await new Promise((resolve) => server.close(resolve));
    await queue(port);
    expect(await report(0)).toMatchObject([{ fd }]);
  },
  { retry: 2 },
);

test('a connection that stays is reported once, not before the delay and soon after it', async () => {
  const { fd, port } = listener();
  const { reports, report } = watching([fd]);
  const start = performance.now();
  await queue(port);
  const [found] = (await report(0)) as [WaitingQueue];
  const elapsed = performance.now() - start;
  expect(found.fd).toBe(fd);
  expect(found.since).toBeGreaterThanOrEqual(DELAY);
  expect(found.since).toBeLessThanOrEqual(elapsed);
  expect(elapsed).toBeLessThan(DELAY + 5_000);
  await queue(port);
  await delay(3 * DELAY);
  expect(reports).toHaveLength(1);
});

test('a reported queue is reported again only after a rearm, and after another delay', async () => {
  const { fd, port } = listener();
  const { watch, reports, report } = watching([fd]);
  await queue(port);
  await report(0);
  for (let i = 1; i <= 3; i++) {
    const start = performance.now();
    watch.rearm(fd);
    watch.rearm(fd);
    const [{ since }] = (await report(i)) as [WaitingQueue];
    expect(since).toBeGreaterThanOrEqual(DELAY);
    expect(performance.now() - start).toBeGreaterThanOrEqual(DELAY);
  }
  expect(reports).toHaveLength(4);
});

test('a queue that was emptied before the rearm is quiet until the next connection stays', async () => {
  const { fd, port } = listener();
  const { watch, reports, report } = watching([fd]);
  await queue(port);
  await report(0);
  const server = await accept(fd);
  await eventually(() => native.queueDepth(fd).depth === 0);
  await new Promise((resolve) => server.close(resolve));
  watch.rearm(fd);
  const before = await asleep();
  await delay(2 * DELAY);
  expect(reports).toHaveLength(1);
  expect(await sleeps()).toBe(before);
  await queue(port);
  expect(await report(1)).toMatchObject([{ fd }]);
});

test('a queue that is not empty when its watch begins is reported after the delay', async () => {
  const [first, second] = [listener(), listener()];
  await queue(first.port);
  await queue(second.port);
  const { watch, reports, report } = watching([first.fd]);
  expect(await report(0)).toMatchObject([{ fd: first.fd }]);
  watch.add(second.fd);
  expect(await report(1)).toMatchObject([{ fd: second.fd }]);
  expect(reports).toHaveLength(2);
});

test('queues that are noticed together are reported in one call', async () => {
  const sockets = Array.from({ length: 100 }, () => listener());
  for (const { port } of sockets) await queue(port);
  const { reports } = watching(sockets.map(({ fd }) => fd));
  const reported = (): number[] => reports.flat().map(({ fd }) => fd);
  await eventually(() => reported().length === 100, { within: PATIENCE });
  expect(new Set(reported()).size).toBe(100);
  expect(reports.length).toBeLessThan(10);
});

test('a busy queue costs a few wake-ups per delay, not one per connection', async () => {
  const { fd, port } = listener();
  const server = await accept(fd);
  const watch = native.watchQueues({ fds: [fd], delay: DELAY }, () => watch.rearm(fd));
  watches.add(watch);
  const before = await asleep();
  const start = performance.now();
  for (let i = 0; i < 1_000; i++) {
    await queue(port);
    await hangUp();
  }
  const delays = (performance.now() - start) / DELAY;
  expect((await sleeps()) - before).toBeLessThan(10 * (delays + 1));
  await new Promise((resolve) => server.close(resolve));
});

/** Blocks the event loop until the thread of a watch without delay has reported, so that the report is under way. */
function standStill(): void {
  const end = performance.now() + 50;
  while (performance.now() < end);
}

test('a removed queue is not reported any more, not even by a report that is under way', async () => {
  const { fd, port } = listener();
  await queue(port);
  const { watch, reports } = watching([fd], 0);
  standStill();
  watch.remove(fd);
  watch.remove(fd);
  close(fd);
  // The number is in use again, by a socket that the report does not mean.
  const next = Array.from({ length: 50 }, listener).find((other) => other.fd === fd) as { fd: Fd; port: number };
  watch.add(next.fd);
  await delay(100);
  expect(reports).toEqual([]);
  await queue(next.port);
  await eventually(() => reports.length === 1);
});

test('a closed watch reports nothing any more, not even what is under way, and takes its thread with it', async () => {
  const { fd, port } = listener();
  await queue(port);
  const before = openFds().size;
  const { watch, reports } = watching([fd], 0);
  standStill();
  watch.close();
  watch.close();
  watch.rearm(fd);
  watch.remove(fd);
  expect(errorOf(() => watch.add(fd))).toMatchObject({ code: 'EBADF', syscall: 'epoll_ctl' });
  await eventually(() => threads().length === 0);
  await delay(50);
  expect(reports).toEqual([]);
  await eventually(() => openFds().size === before);
});

test('two watches of one socket do not disturb each other', async () => {
  const { fd, port } = listener();
  const [first, second] = [watching([fd]), watching([fd])];
  await queue(port);
  await Promise.all([first.report(0), second.report(0)]);
  first.watch.close();
  second.watch.rearm(fd);
  await second.report(1);
});

test('what cannot be watched is a system error, and nothing is left behind', async () => {
  const { fd } = listener();
  const { watch } = watching([fd]);
  const syscall = 'epoll_ctl';
  expect(errorOf(() => watch.add(fd))).toMatchObject({ code: 'EEXIST', syscall });
  expect(errorOf(() => watch.add(2 ** 30))).toMatchObject({ code: 'EBADF', syscall });
  expect(errorOf(() => watch.rearm(2 ** 30))).toMatchObject({ code: 'ENOENT', syscall });
  expect(failsCleanly(() => native.watchQueues({ fds: [fd, 2 ** 30], delay: 0 }, () => {}))).toMatchObject({
    code: 'EBADF',
  });
  expect(errorOf(() => native.watchQueues({ fds: [], delay: -1 }, () => {})).message).toMatch(/"delay"/);
});

test('1,000 random adds, removes, rearms and closes under connections lose no report and leave nothing behind', async () => {
  const before = openFds().size;
  const sockets = Array.from({ length: 8 }, () => listener());
  const watched = new Set<Fd>();
  const wrong: Fd[] = [];
  let reports = 0;
  const begin = (): QueueWatch =>
    native.watchQueues({ fds: [...watched], delay: 1 }, (queues) => {
      reports += queues.length;
      for (const { fd } of queues) if (!watched.has(fd)) wrong.push(fd);
    });
  let watch = begin();
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((seed / 2 ** 31) * below);
  };
  for (let i = 0; i < 1_000; i++) {
    const index = random(sockets.length);
    const { fd, port } = sockets[index] as { fd: Fd; port: number };
    const act = random(12);
    if (act < 4) {
      if (!watched.has(fd)) watch.add(fd);
      watched.add(fd);
    } else if (act < 6) {
      watch.remove(fd);
      watched.delete(fd);
    } else if (act < 8) {
      if (watched.has(fd)) watch.rearm(fd);
    } else if (act < 9) {
      // The number comes back at once, as another socket.
      watch.remove(fd);
      watched.delete(fd);
      close(fd);
      sockets[index] = listener();
    } else if (act < 10) {
      watch.close();
      watch = begin();
    } else {
      await queue(port);
    }
    if (i % 10 === 0) await delay(1);
  }
  expect(wrong).toEqual([]);
  expect(reports).toBeGreaterThan(20);
  // The watch reports every queue that holds a connection now, once a rearm asks for it.
  const waiting = sockets.filter(({ fd }) => native.queueDepth(fd).depth > 0).map(({ fd }) => fd);
  watch.close();
  watched.clear();
  for (const fd of waiting) watched.add(fd);
  const reported = new Set<Fd>();
  watch = native.watchQueues({ fds: waiting, delay: 1 }, (queues) => {
    for (const { fd } of queues) reported.add(fd);
  });
  await eventually(() => reported.size === waiting.length);
  watch.close();
  await hangUp();
  for (const { fd } of sockets) close(fd);
  await eventually(() => openFds().size === before);
});

async function run(way: string): Promise<object> {
  const child = spawn(process.execPath, [fixture('native/watches-queues.mjs'), way], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [out, [code, signal]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  return { out, code, signal };
}

test('a watch does not keep the event loop alive', async () => {
  expect(await run('falls-off-the-end')).toEqual({ out: 'end\n', code: 0, signal: null });
});

test('process.exit() with reports under way neither hangs nor aborts', async () => {
  expect(await run('process-exit')).toEqual({ out: '', code: 4, signal: null });
});

test('an error thrown in onWaiting is an uncaught exception', async () => {
  expect(await run('throw')).toEqual({ out: 'uncaught thrown in onWaiting\n', code: 0, signal: null });
});

test('worker threads may watch, and be terminated with reports under way', async () => {
  expect(await run('threads')).toEqual({ out: 'reports\n'.repeat(8), code: 0, signal: null });
});

for (const [what, way, said] of [
  ['be terminated while native code calls onWaiting', 'threads-in-callback', 'in the callback'],
  ['be terminated while native code reads an argument', 'threads-in-getter', 'in the getter'],
  ['call process.exit() in onWaiting', 'threads-exit-in-callback', 'exits'],
] as const) {
  test(`worker threads may ${what}, and the process goes on`, async () => {
    expect(await run(way)).toEqual({ out: `${said}\n`.repeat(8), code: 0, signal: null });
  });
}

testWhen(commandWorks('strace', '-o', '/dev/null', 'true'), 'needs strace')(
  'a queue that cannot be watched again because memory is short is looked at again later, and nothing is thrown',
  async () => {
    const program = spawn(process.execPath, [fixture('native/rearms-without-memory.mjs')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [said, [code]] = await Promise.all([text(program.stdout), once(program, 'exit')]);
    expect(code).toBe(0);
    expect(JSON.parse(said)).toEqual({ refused: 1, reports: 2 });
  },
);
