import { expect, test } from 'vitest';
import { LiveList } from '../../../../lib/worker/drain/live-list.js';

const named = (name: string): { readonly name: string } => ({ name });
const names = (list: LiveList<{ readonly name: string }>): string[] => [...list].map(({ name }) => name).sort();

test('adding and deleting are idempotent', () => {
  const list = new LiveList<{ readonly name: string }>();
  const [a, b] = [named('a'), named('b')];
  list.delete(a);
  list.add(a);
  list.add(a);
  expect(list.size).toBe(1);
  expect(list.has(a)).toBe(true);
  expect(list.has(b)).toBe(false);
  list.delete(a);
  list.delete(a);
  expect(list.size).toBe(0);
  expect(list.has(a)).toBe(false);
  list.add(a);
  expect(names(list)).toEqual(['a']);
});

test('deleting from anywhere keeps every other item', () => {
  const items = ['a', 'b', 'c', 'd'].map(named);
  for (const gone of items) {
    const list = new LiveList<{ readonly name: string }>();
    for (const item of items) list.add(item);
    list.delete(gone);
    const rest = items.filter((item) => item !== gone);
    expect(names(list)).toEqual(rest.map(({ name }) => name));
    for (const item of rest) list.delete(item);
    expect(list.size).toBe(0);
    for (const item of items) list.delete(item);
  }
});

test('an item can be in several lists', () => {
  const [one, other] = [new LiveList<object>(), new LiveList<object>()];
  const [a, b] = [named('a'), named('b')];
  one.add(a);
  one.add(b);
  other.add(b);
  other.add(a);
  one.delete(a);
  expect([...one]).toEqual([b]);
  expect([...other]).toEqual([b, a]);
});

test('items may be deleted while they are visited', () => {
  const list = new LiveList<object>();
  const items = Array.from({ length: 5 }, (_, i) => named(String(i)));
  for (const item of items) list.add(item);
  const visited: object[] = [];
  for (const item of list) {
    list.delete(item);
    visited.push(item);
  }
  expect(visited).toEqual(items);
  expect(list.size).toBe(0);
});
