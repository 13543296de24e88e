import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect } from 'vitest';
import { openFds } from '../../helpers/processes.js';
import { testWhen, testWithProc } from '../../helpers/skip.js';
import { canRefuseSyscalls, refusing } from '../../helpers/wrappers.js';
import { fixture, native, run, shell, start, tcp } from '../native-helpers.js';

const files: number[] = [];
beforeAll(() => {
  // Twelve files, which their paths distinguish.
  for (const name of readdirSync('/proc/sys/kernel').slice(0, 40)) {
    try {
      files.push(openSync(`/proc/sys/kernel/${name}`, 'r'));
    } catch {
      // Not readable for this user: the next one is.
    }
    if (files.length === 12) break;
  }
});
afterAll(() => {
  for (const fd of files) closeSync(fd);
});

/** Exec has succeeded when spawn() returns, so what the child has can be looked at from outside. */
async function descriptorsOf(fds: readonly number[]): Promise<ReadonlyMap<number, string>> {
  const { child, exit } = start(shell('', { file: '/bin/sleep', args: ['sleep', '60'], fds }));
  const seen = [...openFds(child.pid)];
  child.kill(9);
  expect(await exit).toEqual({ code: null, signal: 9 });
  // The dynamic loader of the program opens and closes libraries while we look.
  return new Map(seen.filter(([, target]) => !/^\/(usr|lib|etc)/.test(target)));
}

testWithProc('a child has the descriptors that it was given, in order, and no others', async () => {
  expect(files).toHaveLength(12);
  const seen = await descriptorsOf([0, 1, 2, ...files]);
  expect([...seen.keys()].toSorted((a, b) => a - b)).toEqual(Array.from({ length: 15 }, (_, fd) => fd));
  for (const [i, fd] of files.entries()) expect(seen.get(3 + i)).toBe(readlinkSync(`/proc/self/fd/${fd}`));
});

testWithProc('one descriptor may be given several times', async () => {
  const [fd] = files as [number];
  const seen = await descriptorsOf([0, 1, fd, fd, fd]);
  const target = readlinkSync(`/proc/self/fd/${fd}`);
  expect([2, 3, 4].map((target_fd) => seen.get(target_fd))).toEqual([target, target, target]);
});

testWithProc('a listener is handed on as it is: non-blocking, listening, not close-on-exec in the child', async () => {
  const { fd, port } = native.listen(tcp());
  const flags = (text: string): number => Number.parseInt(/^flags:\s+(\d+)$/m.exec(text)?.[1] ?? '', 8);
  const { out } = await run(shell('cat /proc/$$/fdinfo/3', { fds: [0, 1, 2, fd] }));
  // O_NONBLOCK is 04000, O_CLOEXEC 02000000, open(2).
  expect(flags(out) & 0o2004000).toBe(0o4000);
  expect(flags(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')) & 0o2004000).toBe(0o2004000);
  expect(native.inspectListener(fd)).toMatchObject({ listening: true, nonBlocking: true, port });
  native.closeFd(fd);
});

interface Permutation {
  readonly wanted: readonly number[];
  readonly got: readonly string[];
}

/** Runs the fixture, in which sources and targets overlap in every way. */
async function permutations(command: readonly string[], stdio: 'open' | 'closed'): Promise<Permutation[]> {
  const program = [...command, process.execPath, fixture('native/permutations.mjs'), stdio];
  const [file, ...args] = program as [string, ...string[]];
  const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'inherit', 'pipe'] });
  const [out, [code]] = await Promise.all([text(child.stdio[3] as Readable), once(child, 'exit')]);
  expect(code).toBe(0);
  return JSON.parse(out) as Permutation[];
}

function expectPermutations(found: readonly Permutation[]): void {
  expect(found.length).toBeGreaterThan(30);
  for (const { wanted, got } of found) expect(got).toEqual(wanted.map((fd) => `file${fd}`));
}

testWithProc(
  'every permutation of overlapping sources and targets arrives as asked, sources equal to targets included',
  async () => {
    expectPermutations(await permutations([], 'open'));
  },
);

testWithProc('a master whose stdio is closed places descriptors as well', async () => {
  expectPermutations(await permutations([], 'closed'));
});

testWhen(canRefuseSyscalls(), 'needs python3 and seccomp')(
  'without close_range(2) the other descriptors are closed all the same',
  async () => {
    expectPermutations(await permutations(refusing('close_range', 'EPERM'), 'open'));
  },
);

testWithProc('spawning does not disturb the descriptors of the master', async () => {
  const { fd } = native.listen(tcp());
  const before = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8');
  await start(shell('exit 0', { fds: [fd, fd, fd] })).exit;
  expect(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')).toBe(before);
  native.closeFd(fd);
});
