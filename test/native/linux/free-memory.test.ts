import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { testOnLinux as test } from '../../helpers/skip.js';

const BINDING = fileURLToPath(new URL('../../../dist/addon/binding.cjs', import.meta.url));
/** V8 of Node 26.0 to 26.5 ends a process that reports more than this at once, in KB. */
const REASONABLE = 2 ** 25;

test('what makes V8 collect the heap of a master is less than any V8 takes for unreasonable', () => {
  const script = `require(${JSON.stringify(BINDING)}).native.releaseFreeMemory(true)`;
  const flags = ['--trace-gc', '--trace-gc-verbose', '--max-old-space-size=16384'];
  const printed = execFileSync(process.execPath, [...flags, '-e', script], { encoding: 'utf8' });
  expect(printed).toMatch(/Mark-Compact.* external memory pressure/);
  const reported = [...printed.matchAll(/External memory reported: +(\d+) KB/g)].map(([, size]) => Number(size));
  expect(reported).not.toEqual([]);
  expect(Math.max(...reported)).toBeLessThan(REASONABLE);
});
