import { expect, test } from 'vitest';
import { bootError } from '../../../lib/boot/boot.cjs';
import { invalidOption } from '../../../lib/common/errors.js';
import { inWords, reasonOf, stackOf } from '../../../lib/common/in-words.cjs';

function throws(): never {
  throw new Error('looked at');
}
const everything = new Proxy(
  {},
  { get: throws, has: throws, getPrototypeOf: throws, ownKeys: throws, getOwnPropertyDescriptor: throws },
);
const circle: { itself?: unknown } = {};
circle.itself = circle;
class Getters extends Error {
  override get message(): string {
    return throws();
  }
  override get stack(): string {
    return throws();
  }
  override get name(): string {
    return throws();
  }
}

const THROWN: readonly [string, unknown][] = [
  ['undefined', undefined],
  ['null', null],
  ['a symbol', Symbol('s')],
  ['a bigint', 1n],
  ['a function', throws],
  ['no prototype', Object.create(null)],
  ['toString throws', { toString: throws }],
  ['toString is no function', { toString: 1, valueOf: 1 }],
  [
    'a class whose toString throws',
    new (class {
      toString = throws;
    })(),
  ],
  ['toJSON throws', { toJSON: throws }],
  ['toJSON gives nothing', { toJSON: () => undefined }],
  ['a circle', circle],
  ['a proxy that throws', everything],
  ['a revoked proxy', revoked()],
  ['an error whose getters throw', new Getters()],
  ['an error with an object for a message', Object.assign(new Error(), { message: Object.create(null) })],
  ['an error with a symbol for a name', Object.assign(new Error('x'), { name: Symbol('n') })],
  ['a string of 1 MB', 'x'.repeat(1e6)],
  ['an error of 1 MB', new Error('x'.repeat(1e6))],
  ['a tag that throws', Object.defineProperty({}, Symbol.toStringTag, { get: throws })],
];

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

test.each(THROWN)('inWords() puts anything into words that code can throw, and is not long: %s', (_what, thrown) => {
  for (const words of [inWords(thrown), reasonOf(thrown), stackOf(thrown)]) {
    expect(words).toBeTypeOf('string');
    expect(words).not.toBe('');
    expect(words.length).toBeLessThan(9_000);
  }
  const error = bootError(thrown);
  expect(JSON.parse(JSON.stringify(error))).toEqual(error);
  expect(JSON.stringify(error).length).toBeLessThan(30_000);
  expect(invalidOption('workers', thrown, 'a number').message).toContain("Option 'workers'");
});

test('ordinary errors read as they always did', () => {
  const error = Object.assign(new TypeError('bad'), { code: 'E_BAD' });
  expect([inWords(error), reasonOf(error), stackOf(error)]).toEqual(['TypeError: bad', 'bad', error.stack]);
  expect([inWords('text'), reasonOf(7), inWords({ a: [1] }), reasonOf(new Error())]).toEqual([
    'text',
    '7',
    '{"a":[1]}',
    'Error',
  ]);
  expect(bootError(error)).toEqual({ name: 'TypeError', message: 'bad', stack: error.stack, code: 'E_BAD' });
  expect(bootError({ a: 1 })).toEqual({ name: 'Error', message: 'Thrown: {"a":1}' });
});
