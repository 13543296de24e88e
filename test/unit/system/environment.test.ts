import { expect, test } from 'vitest';
import { givenEnvironment, parseEnvironment } from '../../../lib/system/environment.js';
import { isLinux, testWhen } from '../../helpers/skip.js';

test('variables are split at the first equals sign, the first of two wins, and no name is special', () => {
  const variables = parseEnvironment('A=1\0B=x=y\0EMPTY=\0A=2\0constructor=c\0__proto__=p\0nonsense\0=x\0LINES=a\nb\0');
  expect(Object.entries(variables)).toEqual([
    ['A', '1'],
    ['B', 'x=y'],
    ['EMPTY', ''],
    ['constructor', 'c'],
    ['__proto__', 'p'],
    ['LINES', 'a\nb'],
  ]);
});

testWhen(isLinux, 'cannot exist on another system: needs proc(5)')(
  'what the process sets or deletes later is not in it',
  () => {
    const before = givenEnvironment();
    process.env['PREFORK_TEST_LATER'] = '1';
    try {
      expect(givenEnvironment()).toBe(before);
      expect(parseEnvironment(before as string)).toMatchObject({ PATH: process.env['PATH'] });
    } finally {
      delete process.env['PREFORK_TEST_LATER'];
    }
  },
);
