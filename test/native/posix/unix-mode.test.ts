/** The file of a unix socket, as another process sees it while it is made. */

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstatSync, mkdtempSync, rmSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { bounded } from '../../helpers/eventually.js';
import { isLinux, isRoot, testOnLinux as test, testWhen } from '../../helpers/skip.js';
import { canRefuseSyscalls, refusing } from '../../helpers/wrappers.js';
import { fixture, native } from '../native-helpers.js';

/** Looks at a folder as fast as it can, until its input ends, and prints the modes that its files had. */
const LOOKS = `
  const { lstatSync, readdirSync } = require('node:fs');
  const [folder] = process.argv.slice(1);
  const seen = new Set();
  let on = true;
  process.stdin.on('end', () => { on = false; }).resume();
  const look = () => {
    const end = performance.now() + 20;
    while (performance.now() < end)
      for (const name of readdirSync(folder))
        try { seen.add((lstatSync(folder + '/' + name).mode & 0o777).toString(8)); } catch {}
    if (on) setImmediate(look);
    else console.log([...seen].sort().join());
  };
  console.log('looking');
  look();`;

test('a unix listener with a mode never has a wider one, not even before it listens', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-unix-mode-'));
  const before = process.umask(0);
  const looker = spawn(process.execPath, ['-e', LOOKS, folder], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => {
    process.umask(before);
    looker.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  });
  let text = '';
  looker.stdout.setEncoding('utf8').on('data', (more: string) => {
    text += more;
  });
  await bounded(once(looker.stdout, 'data'), 10_000, 'the other process looks');
  const end = performance.now() + 1_500;
  for (let i = 0; performance.now() < end; i++) {
    const path = join(folder, `s${i}`);
    native.closeFd(native.listen({ family: 'unix', path, backlog: 1, mode: 0o600 }).fd);
    unlinkSync(path);
  }
  looker.stdin.end();
  await bounded(once(looker, 'close'), 10_000, 'the other process ends');
  expect(text).toBe('looking\n600\n');
});

testWhen(isRoot && isLinux && canRefuseSyscalls(), 'needs root, python3 and seccomp')(
  'a unix listener has its owner, group and mode before it listens',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'prefork-unix-owner-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'socket');
    const request = { family: 'unix', path, backlog: 1, mode: 0o640, owner: 65_534, group: 65_533 };
    // listen(2) fails, and the file cannot be removed: it is as it was in that moment.
    const script = `
      const native = require(${JSON.stringify(fixture('../../build/Release/prefork.node'))});
      try { native.listen(${JSON.stringify(request)}); } catch ({ code, syscall }) { console.log(code, syscall); }`;
    const [file, ...args] = [
      ...refusing('listen', 'EACCES'),
      ...refusing('unlink', 'EPERM'),
      process.execPath,
      '-e',
      script,
    ];
    expect(execFileSync(file as string, args, { encoding: 'utf8' })).toBe('EACCES listen\n');
    const { uid, gid, mode } = lstatSync(path);
    expect({ uid, gid, mode: mode & 0o777 }).toEqual({ uid: 65_534, gid: 65_533, mode: 0o640 });
  },
);
