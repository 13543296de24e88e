import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { eventually } from '../../helpers/eventually.js';
import { openFds, processInfo, untilDead } from '../../helpers/processes.js';
import { testWhen, testWithProc } from '../../helpers/skip.js';
import { canRefuseSyscalls, refusing } from '../../helpers/wrappers.js';
import { errorOf, fixture, native, PATIENCE, shell, start } from '../native-helpers.js';

const sleeper = shell('', { file: '/bin/sleep', args: ['sleep', '600'] });

test('an exit comes with its code or its signal, a core dump with its signal, and once for each child', async () => {
  const exits = await Promise.all([
    start(shell('exit 0')).exit,
    start(shell('exit 255')).exit,
    start(shell('kill -TERM $$')).exit,
    start(shell('ulimit -c 0; kill -SEGV $$')).exit,
  ]);
  expect(exits).toEqual([
    { code: 0, signal: null },
    { code: 255, signal: null },
    { code: null, signal: 15 },
    { code: null, signal: 11 },
  ]);
});

test('C21 a child that has ended is reaped before its exit is reported, and never a zombie afterwards', async () => {
  const { child, exit } = start(shell('exit 0'));
  await exit;
  expect(processInfo(child.pid)).toBeUndefined();
});

test('an exit is reported even when the process ends before spawn returns, and never before spawn returns', async () => {
  for (let i = 0; i < 50; i++) {
    let returned = false;
    const exit = await new Promise<boolean>((resolve) => {
      native.spawn(shell('', { file: 'true', args: ['true'] }), () => resolve(returned));
      // The kernel ends the process while the event loop stands still.
      const end = performance.now() + 3;
      while (performance.now() < end);
      returned = true;
    });
    expect(exit).toBe(true);
  }
});

test('killing returns whether the process was still running', async () => {
  const { child, exit } = start(sleeper);
  expect(child.kill(0)).toBe(true);
  expect(child.kill(9)).toBe(true);
  expect(await exit).toEqual({ code: null, signal: 9 });
  expect(child.kill(9)).toBe(false);
  expect(child.kill(0)).toBe(false);
});

test('a child that has ended cannot be killed, even before its exit was reported', async () => {
  const { child, exit } = start(shell('exit 3'));
  // The event loop cannot report the exit while this waits for it.
  const deadline = performance.now() + 5_000;
  while (child.kill(0) && performance.now() < deadline);
  expect(child.kill(0)).toBe(false);
  expect(await exit).toEqual({ code: 3, signal: null });
});

test('a signal that does not exist is an error', async () => {
  const { child, exit } = start(sleeper);
  expect(errorOf(() => child.kill(65))).toBeInstanceOf(TypeError);
  expect(errorOf(() => child.kill(-1))).toBeInstanceOf(TypeError);
  expect(errorOf(() => child.kill('SIGTERM' as never))).toBeInstanceOf(TypeError);
  child.kill(9);
  await exit;
});

test('children of child_process are left to it, and it leaves ours to us', async () => {
  const ours = Array.from({ length: 10 }, (_, i) => start(shell(`exit ${i}`)));
  const theirs = Array.from({ length: 10 }, (_, i) => once(spawn('sh', ['-c', `exit ${i}`]), 'close'));
  const [own, foreign] = await Promise.all([Promise.all(ours.map(({ exit }) => exit)), Promise.all(theirs)]);
  expect(own.map(({ code }) => code)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(foreign.map(([code]) => code)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

testWithProc('the last exit takes the watch with it: threads and descriptors are back to where they were', async () => {
  await start(shell('exit 0')).exit;
  // The exit stops the watch, whose thread ends a moment later.
  await eventually(() => !threadNames().includes('prefork-watch'));
  const look = (): object => ({ fds: [...openFds()], threads: threadNames() });
  const before = look();
  const started = Array.from({ length: 5 }, () => start(sleeper));
  // A thread names itself, a moment after it was made.
  await eventually(() => threadNames().includes('prefork-watch'));
  for (const { child } of started) child.kill(15);
  await Promise.all(started.map(({ exit }) => exit));
  await eventually(() => !threadNames().includes('prefork-watch'));
  expect(look()).toEqual(before);
});

function threadNames(): string[] {
  const names = readdirSync('/proc/self/task').flatMap((task) => {
    try {
      return [readFileSync(`/proc/self/task/${task}/comm`, 'utf8').trim()];
    } catch {
      return []; // it ended between the two calls
    }
  });
  return names.toSorted();
}

interface Run {
  readonly out: string;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

async function run(args: readonly string[], command: readonly string[] = []): Promise<Run> {
  const [file, ...rest] = [...command, process.execPath, fixture('native/exits.mjs'), ...args];
  const child = spawn(file as string, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [out, [code, signal]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  return { out, code, signal };
}

test('a child keeps the event loop alive until its exit was reported, and nothing does afterwards', async () => {
  expect(await run(['until-exit'])).toEqual({ out: 'exit 5 null\n', code: 0, signal: null });
});

test('an error thrown in onExit is an uncaught exception, as everywhere in Node', async () => {
  expect(await run(['throw'])).toMatchObject({ out: 'uncaught thrown in onExit\n', code: 0 });
});

testWhen(native.features.parentDeathSignal, `${process.platform} has no death signal`)(
  'process.exit() with living children neither hangs nor aborts, and the children end by the death signal',
  async () => {
    const { out, code } = await run(['process-exit']);
    expect(code).toBe(4);
    for (const pid of out.trim().split(' ').map(Number)) await untilDead(pid, { within: PATIENCE });
  },
);

test('a natural end after the last exit, with the addon loaded twice, neither hangs nor aborts', async () => {
  expect(await run(['twice'])).toEqual({ out: 'exit 1 null\nexit 2 null\n', code: 0, signal: null });
});

test('worker threads load the addon, are refused spawn and watch, and may be terminated at any time', async () => {
  const refusal = 'ERR_PREFORK_WORKER_THREAD';
  expect(await run(['threads'])).toEqual({
    out: `${`${refusal} ${refusal}\n`.repeat(8)}done\n`,
    code: 0,
    signal: null,
  });
});

const refusable = testWhen(canRefuseSyscalls(), 'needs python3 and seccomp');

refusable('where the kernel gives no pidfd every child has a waiter thread, and all promises stay', async () => {
  const refused = [...refusing('clone_pidfd', 'EPERM'), ...refusing('pidfd_open', 'EPERM')];
  const lines = ['exit 0 null', 'exit 7 null', 'exit null 9', 'late kill false', 'thread prefork-wait', ''];
  expect(await run(['fallback', 'prefork-wait'], refused)).toEqual({ out: lines.join('\n'), code: 0, signal: null });
  const { out, code } = await run(['process-exit'], refused);
  expect(code).toBe(4);
  for (const pid of out.trim().split(' ').map(Number)) await untilDead(pid, { within: PATIENCE });
});

refusable('where pidfd_send_signal is refused signals go by pid, and never to a recycled one', async () => {
  const { out, code } = await run(['fallback', 'prefork-watch'], refusing('pidfd_send_signal', 'EPERM'));
  expect(out).toContain('exit null 9\nlate kill false\nthread prefork-watch\n');
  expect(code).toBe(0);
});
