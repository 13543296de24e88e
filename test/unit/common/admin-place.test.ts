import { expect, test } from 'vitest';
import {
  doorPath,
  foldersToLookIn,
  nameOfDoor,
  ownFolder,
  type Surroundings,
} from '../../../lib/common/admin-place.js';

const linux = (uid: number, env: NodeJS.ProcessEnv = {}): Surroundings => ({ platform: 'linux', env, uid });
const windows: Surroundings = { platform: 'win32', env: {}, uid: undefined };

test('the folder of the doors is the most private one that the user has', () => {
  expect(ownFolder(linux(1_000, { XDG_RUNTIME_DIR: '/run/user/1000' }))).toBe('/run/user/1000/prefork');
  expect(ownFolder(linux(1_000))).toBe('/tmp/prefork-1000');
  expect(ownFolder(linux(0))).toBe('/run/prefork');
  expect(ownFolder({ platform: 'darwin', env: {}, uid: 0 })).toBe('/var/run/prefork');
  for (const XDG_RUNTIME_DIR of ['', 'relative'])
    expect(ownFolder(linux(5, { XDG_RUNTIME_DIR }))).toBe('/tmp/prefork-5');
});

test('a shell looks where a service of the same user has its door, and the other way round', () => {
  const shell = foldersToLookIn(linux(1_000, { XDG_RUNTIME_DIR: '/run/user/1000' }));
  const service = foldersToLookIn(linux(1_000));
  expect(shell).toEqual(['/run/user/1000/prefork', '/tmp/prefork-1000']);
  expect([...service].sort()).toEqual([...shell].sort());
});

test.each(['web', 'a/b', '.', '..', '.hidden', 'a b', 'Ü', '100%', 'x.sock'])(
  'the name %j is in the name of its door, which leaves no folder',
  (name) => {
    for (const here of [linux(1_000), windows]) {
      const path = doorPath(name, here);
      const file = path.slice(ownFolder(here).length).replace(/^\//, '');
      expect(file).not.toContain('/');
      expect(nameOfDoor(file, here)).toBe(name);
    }
  },
);

test('half a character in a name does no harm', () => {
  expect(doorPath('a\ud800', linux(1_000))).toBe('/tmp/prefork-1000/a%EF%BF%BD.sock');
});

test('files beside a door are none', () => {
  for (const file of ['web.sock.lock', '.sock', 'web', '%E0%A4%A.sock', ''])
    expect(nameOfDoor(file, linux(1_000))).toBeUndefined();
});
