import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { children, isDead, openFds } from '../../helpers/processes.js';
import { isLinux, testOnLinux, testWithProc } from '../../helpers/skip.js';
import { environment, failsCleanly, native, run, shell, start, statusField } from '../native-helpers.js';

// The temporary folder of macOS is behind a link.
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'prefork-spawn-')));
/** The request that starts the program. */
const EXEC = isLinux ? 'execve' : 'posix_spawn';
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a child has the pid that spawn returned, and its exit code comes back once', async () => {
  const { pid, out, exit } = await run(shell('echo $$; exit 7'));
  expect(out).toBe(`${pid}\n`);
  expect(exit).toEqual({ code: 7, signal: null });
});

testWithProc('a child has exactly the arguments and the environment that it was given', async () => {
  const args = ['any name', '/proc/self/cmdline', '/proc/self/environ'];
  const env = ['A=1', 'B=x=y', 'EMPTY=', 'ÜMLAUT=ü'];
  const { out } = await run(shell('', { file: '/bin/cat', args, env }));
  expect(out).toBe([...args, ...env].map((text) => `${text}\0`).join(''));
});

test('a child works in the folder that it was given, and a relative program is found from there', async () => {
  writeFileSync(join(folder, 'here'), '#!/bin/sh\npwd\n', { mode: 0o755 });
  const { out } = await run(shell('', { file: './here', args: ['here'], cwd: folder }));
  expect(out).toBe(`${folder}\n`);
  expect((await run(shell('pwd'))).out).toBe(`${process.cwd()}\n`);
});

test('a program without a slash is searched on the PATH of the child, not of the master', async () => {
  const file = `only-here-${process.pid}`;
  writeFileSync(join(folder, file), '#!/bin/sh\necho found\n', { mode: 0o755 });
  const request = { file, args: [file], env: [`PATH=/nonexistent:${folder}:/bin:/usr/bin`] };
  expect((await run(shell('', request))).out).toBe('found\n');
  const error = failsCleanly(() => native.spawn(shell('', { ...request, env: environment() }), () => {}));
  expect(error).toMatchObject({ code: 'ENOENT', syscall: EXEC, path: file });
  // An empty element means the working directory.
  expect((await run(shell('', { ...request, cwd: folder, env: ['PATH=/nonexistent:'] }))).out).toBe('found\n');
});

test('a script without an interpreter line runs in a shell, as execvp does', async () => {
  writeFileSync(join(folder, 'bare'), 'echo bare "$1"\n', { mode: 0o755 });
  expect((await run(shell('', { file: join(folder, 'bare'), args: ['x', 'arg'] }))).out).toBe('bare arg\n');
});

test('the first forbidden program on the PATH is only the answer when no other one is found', async () => {
  writeFileSync(join(folder, 'denied'), '', { mode: 0o644 });
  const error = failsCleanly(() => {
    native.spawn(shell('', { file: 'denied', args: ['x'], env: [`PATH=${folder}:/nonexistent`] }), () => {});
  });
  expect(error).toMatchObject({ code: 'EACCES', syscall: EXEC, path: 'denied' });
});

test('every failing step names its call and file, reaps the child and leaves no descriptor', () => {
  const missing = join(folder, 'missing');
  const cases: [object, object][] = [
    [{ file: missing }, { code: 'ENOENT', syscall: EXEC, path: missing }],
    [{ file: folder }, { code: 'EACCES', syscall: EXEC, path: folder }],
    [{ file: '' }, { code: 'ENOENT', syscall: EXEC }],
    [{ file: '/etc/passwd/x' }, { code: 'ENOTDIR', syscall: EXEC, path: '/etc/passwd/x' }],
    [{ cwd: missing }, { code: 'ENOENT', syscall: 'chdir', path: missing }],
    [{ cwd: '/etc/passwd' }, { code: 'ENOTDIR', syscall: 'chdir', path: '/etc/passwd' }],
    [{ fds: [0, 1, 99_999] }, { code: 'EBADF', syscall: isLinux ? 'dup2' : 'fcntl' }],
    [{ args: ['sh', '-c', 'x'.repeat(3_000_000)] }, { code: 'E2BIG', syscall: EXEC }],
  ];
  for (const [overrides, expected] of cases) {
    const error = failsCleanly(() => native.spawn(shell('exit 0', overrides), () => {}));
    expect(error).toMatchObject(expected);
    expect(error.message).toContain(`${error.syscall} ${error.code}`);
  }
  expect(children(process.pid).filter(isDead)).toEqual([]);
});

test('arguments that C would cut short or misread are refused before anything is spawned', () => {
  const cases: object[] = [
    { file: 'a\0b' },
    { args: [] },
    { args: ['a', 'b\0c'] },
    { env: ['A=\0'] },
    { cwd: '\0' },
    { fds: [0, -1] },
    { fds: [0, 1.5] },
    { fds: 'x' },
    { uid: -1 },
    { uid: 2 ** 32 - 1 },
    { gid: '5' },
    { groups: [1, null] },
    { dieWithParent: undefined },
    { listenPid: 1 },
  ];
  for (const overrides of cases) {
    const error = failsCleanly(() => native.spawn(shell('exit 0', overrides), () => {}));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.code).toBe('ERR_INVALID_ARG_VALUE');
  }
  expect(failsCleanly(() => native.spawn(shell('exit 0'), undefined as never))).toBeInstanceOf(TypeError);
});

testOnLinux('LISTEN_PID is the pid of the child, and only there when asked for', async () => {
  const asked = await run(shell('echo "$LISTEN_PID $$"', { listenPid: true }));
  expect(asked.out).toBe(`${asked.pid} ${asked.pid}\n`);
  expect((await run(shell('test -z "$LISTEN_PID" && echo none'))).out).toBe('none\n');
});

testWithProc('a child starts with default dispositions and an empty signal mask', async () => {
  // vitest and Node ignore SIGPIPE and handle others: nothing of it may reach the child.
  const ignored = statusField(readFileSync('/proc/self/status', 'utf8'), 'SigIgn');
  expect(BigInt(`0x${ignored}`)).not.toBe(0n);
  const { out } = await run(shell('', { file: 'cat', args: ['cat', '/proc/self/status'] }));
  expect(statusField(out, 'SigIgn')).toBe('0000000000000000');
  expect(statusField(out, 'SigBlk')).toBe('0000000000000000');
});

testWithProc('the master keeps its signal mask, its handlers and its dumpable flag over a spawn', async () => {
  const own = (): string[] => {
    const status = readFileSync('/proc/self/status', 'utf8');
    return ['SigIgn', 'SigBlk', 'SigCgt', 'Groups', 'Uid'].map((name) => `${statusField(status, name)}`);
  };
  const before = own();
  await start(shell('exit 0')).exit;
  failsCleanly(() => native.spawn(shell('', { file: '/nonexistent' }), () => {}));
  expect(own()).toEqual(before);
});

testWithProc('a child inherits the process group and the session of its master', async () => {
  const { out } = await run(shell('', { file: 'cat', args: ['cat', '/proc/self/stat'] }));
  const of = (stat: string): string[] =>
    stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(2, 4);
  expect(of(out)).toEqual(of(readFileSync('/proc/self/stat', 'utf8')));
});

test('500 spawns in a row leak neither a descriptor nor a process', async () => {
  await start(shell('exit 0')).exit;
  const before = [...openFds()];
  for (let round = 0; round < 50; round++) {
    const started = Array.from({ length: 10 }, () => start(shell('', { file: 'true', args: ['true'] })));
    const exits = await Promise.all(started.map(({ exit }) => exit));
    for (const exit of exits) expect(exit).toEqual({ code: 0, signal: null });
  }
  expect([...openFds()]).toEqual(before);
});
