/** The inheritance of a child, as far as a test can see it without proc(5): on every POSIX system. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fstatSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, expect, test } from 'vitest';
import { isRoot, testWhen } from '../../helpers/skip.js';
import { failsCleanly, fixture, native, run, shell, start } from '../native-helpers.js';

const folder = mkdtempSync(join(tmpdir(), 'prefork-anywhere-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A descriptor of a file that says `word`, no lower than `lowest`. */
function fileFd(word: string, lowest = 0): number {
  const path = join(folder, word);
  writeFileSync(path, `${word}\n`);
  const lower: number[] = [];
  for (;;) {
    const fd = openSync(path, 'r');
    if (fd >= lowest) {
      for (const other of lower) native.closeFd(other);
      return fd;
    }
    lower.push(fd);
  }
}

test('descriptors arrive in any order, also when sources are targets, and in their place', async () => {
  const files: number[] = [];
  for (const word of ['first', 'second', 'third', 'in-place']) files.push(fileFd(word, (files.at(-1) ?? 29) + 1));
  const [first, second, third, inPlace] = files as [number, number, number, number];
  const inode = (fd: number): number => fstatSync(fd).ino;
  // By inode: reading would move an offset that all copies share.
  const look = `console.log([${files}].map((fd) => require('fs').fstatSync(fd).ino).join(' '))`;
  const orders = [
    [first, second, third],
    [first, third, second],
    [second, first, third],
    [second, third, first],
    [third, first, second],
    [third, second, first],
    [second, second, second],
  ];
  for (const order of orders) {
    const fds = Array.from({ length: inPlace + 1 }, () => 0);
    fds[2] = 2;
    for (const [i, target] of [first, second, third].entries()) fds[target] = order[i] as number;
    fds[inPlace] = inPlace;
    const { out } = await run(shell('', { file: process.execPath, args: ['node', '-e', look], fds }));
    expect(out).toBe(`${[...order, inPlace].map(inode).join(' ')}\n`);
  }
  for (const fd of files) native.closeFd(fd);
});

test('a child has no descriptor that it was not given, and that is close-on-exec', async () => {
  const opened = Array.from({ length: 20 }, () => native.dupFd(2));
  const child = "process.stdout.write(String(require('fs').readdirSync('/dev/fd').length))";
  const bare = await run(shell('', { file: process.execPath, args: ['node', '-e', child] }));
  for (const fd of opened) native.closeFd(fd);
  const again = await run(shell('', { file: process.execPath, args: ['node', '-e', child] }));
  expect(bare.out).toBe(again.out);
});

test('a child has no descriptor that it was not given, although the program left it open for every child', async () => {
  // Node itself makes what it was given close-on-exec as it starts, up to the first gap above 15.
  const numbers = [40, 41, 70];
  const fd = fileFd('left-open');
  const stdio = Array.from({ length: 71 }, (_, i) => (numbers.includes(i) ? fd : ('ignore' as const)));
  const master = spawn(process.execPath, [fixture('native/left-open.mjs'), ...numbers.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit', ...stdio.slice(3)],
  });
  native.closeFd(fd);
  const [out] = await Promise.all([text(master.stdout as Readable), once(master, 'exit')]);
  expect(out).toBe('[40,41,70]\n[]\n');
});

test('a child starts with default dispositions and nothing blocked', async () => {
  // Node ignores SIGPIPE, and a shell cannot trap what was ignored when it was started.
  for (const signal of ['PIPE', 'TERM', 'HUP', 'USR1', 'INT']) {
    const { out } = await run(shell(`trap 'echo caught' ${signal}; kill -${signal} $$; echo went on`));
    expect(out).toBe('caught\nwent on\n');
  }
  const { exit } = await run(shell('kill -PIPE $$; exit 1'));
  expect(exit).toEqual({ code: null, signal: 13 });
});

test('a working directory that is missing, no folder or forbidden is named', () => {
  const file = join(folder, 'plain');
  writeFileSync(file, '');
  for (const [cwd, code] of [
    [join(folder, 'missing'), 'ENOENT'],
    [file, 'ENOTDIR'],
  ]) {
    const error = failsCleanly(() => native.spawn(shell('exit 0', { cwd: cwd as string }), () => {}));
    expect(error).toMatchObject({ code, syscall: 'chdir', path: cwd });
  }
});

test('fifty children that end at once are all reported, each with its own code', async () => {
  const exits = await Promise.all(Array.from({ length: 50 }, (_, i) => start(shell(`exit ${i}`)).exit));
  expect(exits.map(({ code }) => code)).toEqual(Array.from({ length: 50 }, (_, i) => i));
});

const asRoot = testWhen(isRoot, 'needs root');

asRoot('a child has the uid, the gid and exactly the groups that it was given', async () => {
  const ids = { uid: 65_534, gid: 65_533, groups: [1000, 2000] };
  const { out } = await run(shell('id -u; id -g; id -G', ids));
  const [uid, gid, groups = ''] = out.trim().split('\n');
  expect([uid, gid]).toEqual(['65534', '65533']);
  expect(groups.split(' ').toSorted()).toEqual(['1000', '2000', '65533']);
  const none = await run(shell('id -G', { ...ids, groups: [] }));
  expect(none.out.trim()).toBe('65533');
});

asRoot('with other ids descriptors, signals, folder and PATH are as without, and so are errors', async () => {
  const fd = fileFd('given', 25);
  const fds = Array.from({ length: 28 }, () => 0);
  fds[2] = 2;
  fds[26] = fd;
  fds[fd] = fd;
  const ids = { uid: 65_534, gid: 65_534, groups: [] };
  const { out } = await run(shell('cat /dev/fd/26; pwd; kill -PIPE $$', { ...ids, fds, cwd: '/' }));
  expect(out).toBe('given\n/\n');
  native.closeFd(fd);
  const missing = join(folder, 'missing');
  const error = failsCleanly(() => native.spawn(shell('', { ...ids, file: missing }), () => {}));
  expect(error).toMatchObject({ code: 'EACCES' });
  expect(failsCleanly(() => native.spawn(shell('', { ...ids, cwd: missing }), () => {}))).toMatchObject({
    code: 'ENOENT',
    syscall: 'chdir',
    path: missing,
  });
});
