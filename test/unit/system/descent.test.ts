import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { descendsFrom } from '../../../lib/system/descent.js';

test('a grandchild descends from its grandparent; a stranger and a dead process do not', async () => {
  const wrapper = spawn('sh', ['-c', 'sh -c "echo \\$\\$; read line"; :'], { stdio: ['pipe', 'pipe', 'ignore'] });
  const [pid] = (await once(wrapper.stdout, 'data')) as [Buffer];
  const grandchild = Number(pid);
  expect(grandchild).not.toBe(wrapper.pid);
  expect(descendsFrom(grandchild, wrapper.pid as number)).toBe(true);
  expect(descendsFrom(grandchild, process.pid)).toBe(true);
  expect(descendsFrom(process.ppid, wrapper.pid as number)).toBe(false);
  wrapper.stdin.end('\n');
  await once(wrapper, 'exit');
  expect(descendsFrom(grandchild, wrapper.pid as number)).toBe(false);
});
