import { expect, test } from 'vitest';
import { readStoredName } from '../../../../lib/system/listeners/stored-names.js';
import { storedName } from '../../../../lib/system/stored-name.js';

test.each([
  ['0', 'web', undefined],
  ['a.b', 'c.d', '65024-17'],
  ['Größe: 1%', 'x;y/z', undefined],
])('fleet %j and listener %j are found again in the name, which a service manager takes', (fleet, listener, file) => {
  const name = storedName(fleet, listener, file);
  // sd_pid_notify_with_fds(3): printable ASCII without a colon.
  expect(name).toMatch(/^[!-9;-~]{1,255}$/);
  expect(readStoredName(name)).toEqual({ fleet, listener, file });
});

test('of the sockets of a sharded address each name has its slot', () => {
  expect(readStoredName(storedName('a.b', '127.0.0.1|3000||false', 12))).toEqual({
    fleet: 'a.b',
    listener: '127.0.0.1|3000||false',
    file: undefined,
    slot: 12,
  });
});

test('a name that is too long for the service manager is none', () => {
  expect(storedName('x'.repeat(250), 'y')).toBeUndefined();
});

test.each([undefined, '', 'web', 'prefork', 'prefork.', 'prefork.0', 'prefork.0.', 'prefork.0.web.x', 'prefork.%.web'])(
  'the name %j is not one of ours',
  (name) => {
    expect(readStoredName(name)).toBeUndefined();
  },
);
