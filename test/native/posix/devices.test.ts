import { spawnSync } from 'node:child_process';
import { readSync, writeSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openFds } from '../../helpers/processes.js';
import { commandWorks, testWhen, testWithProc } from '../../helpers/skip.js';
import { canHaveTerminal, inTerminal } from '../../helpers/terminal.js';
import { fixture, native } from '../native-helpers.js';

test('openNull() takes everything, and gives nothing', () => {
  const fd = native.openNull();
  expect(writeSync(fd, 'text')).toBe(4);
  expect(readSync(fd, Buffer.alloc(4))).toBe(0);
  native.closeFd(fd);
});

testWithProc('openNull() is /dev/null, close-on-exec', () => {
  const fd = native.openNull();
  expect(openFds().get(fd)).toBe('/dev/null');
  expect(spawnSync('sh', ['-c', `test -e /dev/fd/${fd}`]).status).toBe(1);
  native.closeFd(fd);
});

const ask = [
  process.execPath,
  '-e',
  `process.exit(require(${JSON.stringify(fixture('../../build/Release/prefork.node'))}).hasControllingTerminal() ? 10 : 20)`,
];

function answer(wrapper: readonly string[]): number | null {
  const [command, ...args] = [...wrapper, ...ask];
  return spawnSync(command as string, args, { stdio: 'ignore' }).status;
}

testWhen(commandWorks('setsid', 'true'), 'needs setsid(1)')('a process without a terminal has none', () => {
  expect(answer(['setsid', '--wait'])).toBe(20);
});

testWhen(canHaveTerminal(), 'needs python3 and pseudo terminals')('a process on a terminal has one', () => {
  expect(answer(inTerminal)).toBe(10);
});
