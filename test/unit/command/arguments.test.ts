import { expect, test } from 'vitest';
import { parseArguments } from '../../../lib/command/arguments.js';
import { UnknownOption } from '../../../lib/command/usage-error.js';

function parsed(...argv: string[]) {
  const { given, app, args } = parseArguments(argv);
  return { given: Object.fromEntries([...given].map(([name, { texts }]) => [name, texts])), app, args };
}

test('what stands behind the program belongs to it, whatever it looks like', () => {
  const args = ['--workers', '2', '-r', '--', '--help', '--no-such', '', '-'];
  expect(parsed('--workers', '4', 'app.js', ...args)).toEqual({ given: { workers: ['4'] }, app: 'app.js', args });
});

test('what stands behind -- is the program and its arguments', () => {
  const fastify = { app: 'fastify', args: ['start', '--port=1', '--', 'x'] };
  expect(parsed('--quiet', '--', 'fastify', 'start', '--port=1', '--', 'x')).toEqual({
    given: { quiet: [] },
    ...fastify,
  });
  expect(parsed('--', '--workers')).toEqual({ given: {}, app: '--workers', args: [] });
  expect(parsed('--')).toEqual({ given: {}, app: undefined, args: [] });
});

test('a value follows, or stands behind an equals sign; of an option that is given twice the last counts', () => {
  expect(parsed('--grace', '1s', '--grace=2s', '--name=-x').given).toEqual({ grace: ['2s'], name: ['-x'] });
  expect(parsed('-c', 'a', '-cb').given).toEqual({ config: ['b'] });
});

test('repeatable options keep every value in order', () => {
  const { given } = parsed('--listen', '1', '-r', 'a', '--listen=2', '--require', 'b', '--import', 'c');
  expect(given).toEqual({ listen: ['1', '2'], require: ['a', 'b'], import: ['c'] });
});

test('flags of node may begin with a dash', () => {
  expect(parsed('--node-options', '--inspect --trace-gc', 'app.js')).toEqual({
    given: { 'node-options': ['--inspect --trace-gc'] },
    app: 'app.js',
    args: [],
  });
});

test('the value of --exit-after-drain is optional, and stands behind an equals sign', () => {
  expect(parsed('--exit-after-drain', 'app.js')).toMatchObject({ given: { 'exit-after-drain': [] }, app: 'app.js' });
  expect(parsed('--exit-after-drain=2s', '9')).toMatchObject({ given: { 'exit-after-drain': ['2s'] }, app: '9' });
  expect(() => parsed('--exit-after-drain', '2s', 'app.js')).toThrow(/--exit-after-drain=2s$/);
  expect(() => parsed('--line-prefix', '{slot}> ', 'app.js')).toThrow(/--line-prefix=\{slot\}> $/);
});

test('--shutdown-grace-period is --grace, under the name that the user wrote', () => {
  expect(parseArguments(['--shutdown-grace-period', '3s']).given.get('grace')).toEqual({
    written: '--shutdown-grace-period',
    texts: ['3s'],
  });
});

test.each([
  [['--worker', '4', 'app.js'], '--worker'],
  [['-x'], '-x'],
  [['--__proto__'], '--__proto__'],
  [['--constructor=1'], '--constructor'],
  [['--no-watch'], '--no-watch'],
])('an option that does not exist is refused: %j', (argv, written) => {
  const refused = expect(() => parseArguments(argv));
  refused.toThrow(UnknownOption);
  refused.toThrow(`there is no option '${written}'`);
});

test.each([
  [['--workers'], "option '--workers' needs a value"],
  [['--workers', '--watch', 'app.js'], "option '--workers' needs a value; '--watch' is an option"],
  [['-c'], "option '-c' needs a value"],
  [['--watch=yes', 'app.js'], "option '--watch' takes no value; got 'yes'"],
])('a value that is missing, or too much, is refused: %j', (argv, message) => {
  expect(() => parseArguments(argv)).toThrow(message);
});
