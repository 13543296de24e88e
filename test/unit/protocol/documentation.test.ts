/** docs/internals/protocol.md beside the types. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const read = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../../${path}`, import.meta.url)), 'utf8');

test('the table of messages names every message of the protocol, and no other', () => {
  const types = read('lib/protocol/protocol.cts').matchAll(/readonly type: '([a-z-]+)'/g);
  const rows = read('docs/internals/protocol.md').matchAll(/^\| (`.*?) \|/gm);
  const documented = [...rows].flatMap(([, cell = '']) => [...cell.matchAll(/`([a-z-]+)`/g)].map(([, name]) => name));
  expect([...new Set(documented)].sort()).toEqual([...new Set([...types].map(([, name]) => name))].sort());
});
