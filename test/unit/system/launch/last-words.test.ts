import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { killOf } from '../../../../lib/system/launch/last-words.js';

test('a signal that may not be sent to a child of child_process is an error, and one that has ended is not', () => {
  const child = new EventEmitter() as ChildProcess;
  let permitted = false;
  child.kill = () => {
    if (!permitted) child.emit('error', Object.assign(new Error('kill EPERM'), { code: 'EPERM' }));
    return false;
  };
  const kill = killOf(child);
  expect(() => kill('SIGKILL')).toThrow('kill EPERM');
  permitted = true;
  expect(kill('SIGKILL')).toBe(false);
});
