import { expect, test } from 'vitest';
import type { CallFrame } from '../../../../lib/system/inspector/inspector-client.js';
import { formatFrames } from '../../../../lib/system/inspector/inspector-client.js';

function frame(functionName: string, url: string, lineNumber = 5, columnNumber?: number): CallFrame {
  return { functionName, url, location: { lineNumber, ...(columnNumber === undefined ? {} : { columnNumber }) } };
}

test('frames look like those of an error, files by their paths and counted from 1', () => {
  const frames = [
    frame('spin', 'file:///srv/my%20app/cart.mjs', 5, 26),
    frame('', '/srv/app/old.cjs', 0, 0),
    frame('listOnTimeout', 'node:internal/timers'),
    frame('evaluated', ''),
    frame('odd', 'file:///a%2Fb.mjs'),
  ];
  expect(formatFrames(frames).split('\n')).toEqual([
    '    at spin (/srv/my app/cart.mjs:6:27)',
    '    at /srv/app/old.cjs:1:1',
    '    at listOnTimeout (node:internal/timers:6:1)',
    '    at evaluated (<anonymous>:6:1)',
    '    at odd (file:///a%2Fb.mjs:6:1)',
  ]);
});

test('twenty of them are shown', () => {
  const frames = Array.from({ length: 23 }, (_, i) => frame(`f${i}`, '/a.js'));
  const lines = formatFrames(frames).split('\n');
  expect(lines).toHaveLength(21);
  expect(lines.at(-1)).toBe('    … and 3 more');
});
