/** The pid file of a master, with real files. */

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import type { Log } from '../../../lib/common/log.js';
import { PidFile } from '../../../lib/master/pid-file.js';
import { unprivileged } from '../../helpers/unprivileged.js';

const PID = process.pid;
let folder: string;
let path: string;
let logged: string[];
let log: Log;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'prefork-pid-file-'));
  path = join(folder, 'app.pid');
  logged = [];
  const write = (line: string): void => void logged.push(line);
  log = { info: write, warn: write, error: write };
  return () => rmSync(folder, { recursive: true });
});

function claim(pid = PID): PidFile {
  const file = new PidFile(path, pid, log);
  onTestFinished(() => file.remove());
  return file;
}

/** Of a process that has ended, and is reaped. */
function deadPid(): number {
  return Number(execFileSync(process.execPath, ['-p', 'process.pid'], { encoding: 'utf8' }));
}

test('the file is there from publish() to remove(), readable by everybody whatever the umask, and nothing lies beside it', () => {
  const umask = process.umask(0o077);
  onTestFinished(() => void process.umask(umask));
  const file = claim();
  expect(() => statSync(path)).toThrow('ENOENT');
  file.publish();
  expect(readFileSync(path, 'utf8')).toBe(`${PID}\n`);
  if (process.platform !== 'win32') expect(statSync(path).mode & 0o777).toBe(0o644);
  expect(readdirSync(folder)).toEqual(['app.pid']);
  file.remove();
  file.remove();
  expect(readdirSync(folder)).toEqual([]);
  expect(logged).toEqual([]);
});

test('a claim that is never published leaves nothing behind', () => {
  claim().remove();
  expect(readdirSync(folder)).toEqual([]);
});

test.each([
  ['a pid whose process is gone', () => `${deadPid()}\n`],
  ['its own pid, of an earlier life in a container', () => `${PID}`],
  ['nothing', () => ' \n'],
])('a file with %s is replaced', (_what, text) => {
  writeFileSync(path, text());
  claim().publish();
  expect(readFileSync(path, 'utf8')).toBe(`${PID}\n`);
});

test('a file that names another process that runs is an error with option, path, pid and way out, and stays', async () => {
  const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  const ended = once(other, 'exit');
  onTestFinished(async () => {
    other.kill('SIGKILL');
    await ended;
  });
  writeFileSync(path, `${other.pid}\n`);
  expect(claim).toThrow(
    expect.objectContaining({
      ...{ code: 'EEXIST', syscall: 'open', path },
      message:
        `open EEXIST: file already exists ${path} (option 'pidFile': the file names process ${other.pid}, which is running: ` +
        'stop that process first, delete the file if it is no master of this program, or name another file)',
    }),
  );
  expect(readFileSync(path, 'utf8')).toBe(`${other.pid}\n`);
  expect(readdirSync(folder)).toEqual(['app.pid']);
});

test('a process of another user runs, too', () => {
  // PID 1 is there on every system that has it, and belongs to root.
  if (process.platform === 'win32') return;
  writeFileSync(path, '1\n');
  expect(claim).toThrow('names process 1, which is running');
});

test.each<[string, () => unknown]>([
  ['text', () => writeFileSync(path, 'listen 3000\n')],
  ['a long file', () => writeFileSync(path, '1'.repeat(10_000))],
  ['0', () => writeFileSync(path, '0\n')],
  ['more than a pid can be', () => writeFileSync(path, '2147483648\n')],
  ['a negative number', () => writeFileSync(path, '-1\n')],
  ['a folder', () => mkdirSync(path)],
])('what holds no pid (%s) is never replaced, and the error says so', (_what, make) => {
  make();
  expect(claim).toThrow(
    expect.objectContaining({
      ...{ code: 'EEXIST', path },
      message: expect.stringContaining(
        "(option 'pidFile': it holds no pid, so the master does not replace it: delete it, or name another file)",
      ),
    }),
  );
  expect(readdirSync(folder)).toEqual(['app.pid']);
});

test('a folder that is not there is an error with option, path, system call and way out', () => {
  path = join(folder, 'no', 'app.pid');
  expect(claim).toThrow(
    expect.objectContaining({
      ...{ code: 'ENOENT', syscall: 'open', path },
      message: expect.stringMatching(
        /^open ENOENT: .*app\.pid \(option 'pidFile': the master must be able to write a file in .*no: create or open up that folder, or name another file\)$/,
      ),
    }),
  );
});

test.skipIf(process.platform === 'win32')(
  'a folder that may not be written is an error with option, path and system call [not on Windows]',
  async () => {
    chmodSync(folder, 0o555);
    const error = await unprivileged(() => {
      try {
        return claim();
      } catch (error) {
        return error;
      }
    });
    expect(error).toMatchObject({ code: 'EACCES', syscall: 'open', path });
    expect((error as Error).message).toContain(
      `option 'pidFile': the master must be able to write a file in ${folder}`,
    );
    expect(readdirSync(folder)).toEqual([]);
  },
);

test('another master that was faster is noticed when the listeners are bound, and keeps its file', () => {
  const file = claim();
  writeFileSync(path, `${process.ppid}\n`);
  expect(() => file.publish()).toThrow(`names process ${process.ppid}, which is running`);
  file.remove();
  expect(readFileSync(path, 'utf8')).toBe(`${process.ppid}\n`);
  expect(readdirSync(folder)).toEqual(['app.pid']);
});

test('two fleets of one process cannot have one file, one after the other can', () => {
  const first = claim();
  expect(claim).toThrow(
    expect.objectContaining({
      ...{ name: 'RangeError', code: 'ERR_PREFORK_INVALID_OPTION', option: 'pidFile' },
      message: expect.stringContaining(path),
    }),
  );
  first.publish();
  first.remove();
  claim().publish();
  expect(readFileSync(path, 'utf8')).toBe(`${PID}\n`);
});

test('what another process has written there meanwhile stays', () => {
  const file = claim();
  file.publish();
  writeFileSync(path, '1\n');
  file.remove();
  expect(readFileSync(path, 'utf8')).toBe('1\n');
});

test('a file that cannot be removed is logged and hurts no stop', () => {
  const file = claim();
  file.publish();
  rmSync(path);
  // The folder is a file now.
  rmSync(folder, { recursive: true });
  writeFileSync(folder, '');
  file.remove();
  expect(logged).toEqual([expect.stringMatching(/^the pid file .*app\.pid could not be removed: ENOTDIR/)]);
});
