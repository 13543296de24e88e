import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { expect, test } from 'vitest';
import { environmentByPs, ownFds, processTable } from '../../helpers/process-table.js';
import { processInfo } from '../../helpers/processes.js';
import { commandWorks, isLinux, testWhen } from '../../helpers/skip.js';

const withPs = testWhen(commandWorks('ps', '-A', '-o', 'pid='), 'needs ps');

withPs('ps has the parent and the environment of a child, and no line after its end', async () => {
  const child = spawn(process.execPath, ['-e', "console.log('up'); setInterval(() => {}, 1e6)"], {
    env: { PREFORK_TEST_WORD: 'a-word' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  const pid = child.pid as number;
  expect(processTable().find((info) => info.pid === pid)).toMatchObject({ pid, ppid: process.pid });
  expect(processTable(pid)).toHaveLength(1);
  expect(environmentByPs(pid).get('PREFORK_TEST_WORD')).toBe('a-word');
  child.kill('SIGKILL');
  await once(child, 'close');
  expect(processTable(pid)).toEqual([]);
});

withPs('the table has no line for the ps that prints it', () => {
  expect(processTable().filter(({ ppid, name }) => ppid === process.pid && /\bps$/.test(name))).toEqual([]);
});

testWhen(isLinux && commandWorks('ps', '-A', '-o', 'pid='), 'needs proc(5) and ps')(
  'ps and proc(5) say the same',
  () => {
    const { name: _, state: __, ...listed } = processTable(process.pid)[0] ?? {};
    expect(processInfo(process.pid)).toMatchObject(listed);
  },
);

test.skipIf(process.platform === 'win32')('a descriptor is listed while it is open', () => {
  const before = [...ownFds().keys()];
  const fd = openSync('/dev/null', 'r');
  expect(ownFds().has(fd)).toBe(true);
  closeSync(fd);
  expect([...ownFds().keys()]).toEqual(before);
});
