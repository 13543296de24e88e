/** The option `pidFile`: a file that names the master while its fleet is there. */

import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { startFleet, startReadyFleet, untilDead } from '../../helpers/index.js';
import { thereAs } from '../../helpers/target.js';

let folder: string;
let pidFile: string;

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'prefork-pid-file-')));
  pidFile = join(folder, 'app.pid');
  return () => rmSync(folder, { recursive: true });
});

const text = (): string => readFileSync(pidFile, 'utf8');

test('the pid file names the master while it runs, and is gone after SIGTERM', async () => {
  const { master } = await startReadyFleet({ options: { pidFile } });
  expect(text()).toBe(`${master.pid}\n`);
  expect(statSync(pidFile).mode & 0o777).toBe(0o644);
  expect(readdirSync(folder)).toEqual(['app.pid']);
  expect(await master.call('reload')).toMatchObject({ ok: true });
  expect(text()).toBe(`${master.pid}\n`);
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
  expect(readdirSync(folder)).toEqual([]);
});

test('a pid file is there before the first worker starts', async () => {
  // The worker does not become ready: nothing but its start has happened.
  const master = startFleet({ options: { pidFile, workers: 1 }, boot: 'never settle' });
  await master.event('serve');
  expect(text()).toBe(`${master.pid}\n`);
  master.kill('SIGTERM');
  await master.gone();
  expect(existsSync(pidFile)).toBe(false);
});

test('a relative pid file begins where the master was started', async () => {
  const { master } = await startReadyFleet({ options: { pidFile: 'app.pid', cwd: '/' } }, { cwd: folder });
  expect(text()).toBe(`${master.pid}\n`);
  master.kill('SIGTERM');
  await master.gone();
  expect(readdirSync(folder)).toEqual([]);
});

test('the pid file of a master that was killed stays, and the next start replaces it', async () => {
  const first = await startReadyFleet({ options: { pidFile } });
  first.master.kill('SIGKILL');
  await first.master.gone();
  for (const pid of first.pids) await untilDead(pid);
  expect(text()).toBe(`${first.master.pid}\n`);
  const second = await startReadyFleet({ options: { pidFile } });
  expect(text()).toBe(`${second.master.pid}\n`);
  second.master.kill('SIGTERM');
  expect(await second.master.gone()).toEqual({ code: 0, signal: null });
  expect(existsSync(pidFile)).toBe(false);
});

test('a second fleet with the pid file of one that runs ends before it binds anything, and names that process', async () => {
  const first = await startReadyFleet({ options: { pidFile } });
  // The port is taken as well: had it been asked for, that would be the error.
  const second = startFleet({ options: { pidFile, listen: first.port } });
  expect(await second.exited).toEqual({ code: 1, signal: null });
  expect(second.stderr).toContain(
    `open EEXIST: file already exists ${thereAs(pidFile)} (option 'pidFile': the file names process ${first.master.pid}, which is running`,
  );
  expect(second.stderr).not.toContain('spawned');
  expect(text()).toBe(`${first.master.pid}\n`);
  expect(readdirSync(folder)).toEqual(['app.pid']);
  first.master.kill('SIGTERM');
  expect(await first.master.gone()).toEqual({ code: 0, signal: null });
});

test('a fleet that cannot bind, or whose workers do not boot, leaves no pid file', async () => {
  const first = await startReadyFleet();
  const taken = startFleet({ options: { pidFile, listen: first.port } });
  expect(await taken.exited).toEqual({ code: 1, signal: null });
  expect(readdirSync(folder)).toEqual([]);
  const broken = startFleet({ options: { pidFile, workers: 1 }, boot: 'throw' });
  expect(await broken.exited).toEqual({ code: 1, signal: null });
  expect(readdirSync(folder)).toEqual([]);
});
