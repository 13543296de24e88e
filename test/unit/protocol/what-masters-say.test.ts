import { expect, test } from 'vitest';
import { FROM_MASTER } from '../../../lib/protocol/what-masters-say.js';

const closeInspector = (more: object): object => ({ type: 'close-inspector', ...more });

test('a worker understands the addresses at which it listened before it was asked for its stack', () => {
  const before = [
    { host: '10.0.0.5', port: 9_229 },
    { host: '::', port: 80 },
  ];
  expect(FROM_MASTER.check(closeInspector({ before }))).toEqual({ type: 'close-inspector', before });
});

test('a worker closes its inspector also for a master of a version that does not say where the worker listened before', () => {
  expect(FROM_MASTER.check(closeInspector({}))).toEqual({ type: 'close-inspector' });
});

test.each([
  null,
  9_229,
  [9_229],
  [null],
  [{ port: 9_229 }],
  [{ host: 'localhost', port: 9_229 }],
  [{ host: '10.0.0.5' }],
])('%j is no list of addresses', (before) => {
  expect(FROM_MASTER.check(closeInspector({ before }))).toBeUndefined();
});
