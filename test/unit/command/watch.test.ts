import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { isIgnored, isOfProgram, Reloads } from '../../../lib/command/watch.js';
import { deferred } from '../../../lib/common/deferred.js';
import type { ReloadResult } from '../../../lib/types.js';

vi.mock('../../../lib/command/watcher.cjs', () => ({ watchFolder: () => undefined }));

beforeEach(() => void vi.useFakeTimers({ now: 0 }));
afterEach(() => void vi.useRealTimers());

const OK: ReloadResult = { ok: true, generation: 1, replaced: [] };

function reloads(reload: () => Promise<ReloadResult>) {
  const said: string[] = [];
  return { said, reloads: new Reloads(reload, (message) => void said.push(message)) };
}

test('changes that come together are one reload, and its verdict names the first file', async () => {
  const reload = vi.fn(async () => {
    await vi.advanceTimersByTimeAsync(320);
    return OK;
  });
  const { said, reloads: made } = reloads(reload);
  for (const path of ['src/app.js', 'src/b.js', 'src/app.js']) {
    made.changed(path);
    await vi.advanceTimersByTimeAsync(50);
  }
  expect(reload).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(reload).toHaveBeenCalledTimes(1);
  expect(said).toEqual(['reloaded in 320 ms: src/app.js and 1 more changed']);
});

test('one reload at a time: what changes meanwhile makes one more behind it', async () => {
  const first = deferred<ReloadResult>();
  const reload = vi.fn(async () => OK).mockReturnValueOnce(first.promise);
  const { said, reloads: made } = reloads(reload);
  made.changed('a.js');
  await vi.advanceTimersByTimeAsync(200);
  for (const path of ['b.js', 'c.js']) {
    made.changed(path);
    await vi.advanceTimersByTimeAsync(200);
  }
  expect(reload).toHaveBeenCalledTimes(1);
  first.resolve(OK);
  await vi.advanceTimersByTimeAsync(200);
  expect(reload).toHaveBeenCalledTimes(2);
  expect(said).toEqual(['reloaded in 500 ms: a.js changed', 'reloaded in 0 ms: b.js and 1 more changed']);
});

test('a reload that fails, or throws, is a verdict, and the next change reloads again', async () => {
  const reload = vi
    .fn(async (): Promise<ReloadResult> => OK)
    .mockResolvedValueOnce({ ...OK, ok: false, error: new Error('it does not boot') })
    .mockRejectedValueOnce(new Error('no fleet'));
  const { said, reloads: made } = reloads(reload);
  for (let turn = 0; turn < 3; turn++) {
    made.changed('a.js');
    await vi.advanceTimersByTimeAsync(200);
  }
  expect(said).toEqual([
    'reload failed: it does not boot; the old workers serve on',
    'reload failed: no fleet; the old workers serve on',
    'reloaded in 0 ms: a.js changed',
  ]);
});

test('a fleet that stops has no verdict, and nothing is reloaded after the end', async () => {
  const reload = vi.fn(() => Promise.reject(Object.assign(new Error('stopped'), { code: 'ABORT_ERR' })));
  const { said, reloads: made } = reloads(reload);
  made.changed('a.js');
  await vi.advanceTimersByTimeAsync(200);
  made.changed('a.js');
  made.close();
  made.changed('b.js');
  await vi.advanceTimersByTimeAsync(1_000);
  expect(reload).toHaveBeenCalledTimes(1);
  expect(said).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});

test.each([
  ['', false],
  ['src', false],
  [join('src', 'app.js'), false],
  ['.env', false],
  ['.env.local', false],
  ['node_modules', true],
  [join('packages', 'a', 'node_modules'), true],
  ['.git', true],
  ['.next', true],
  [join('.cache', 'x.js'), true],
  [join('.env', 'x.js'), true],
  ['.eslintrc.js', true],
])('packages and folders with a dot are not watched: %j', (path, ignored) => {
  expect(isIgnored(path)).toBe(ignored);
});

test.each([
  ['app.js', true],
  ['src/app.mts', true],
  ['a.JSON', true],
  ['views/index.ejs', true],
  ['.env', true],
  ['app.log', false],
  ['data.sqlite', false],
  ['data.db-wal', false],
  ['upload.png', false],
  ['app.js~', false],
  ['Makefile', false],
])('what a program is made of reloads, what it writes does not: %j', (path, of) => {
  expect(isOfProgram(path)).toBe(of);
});
