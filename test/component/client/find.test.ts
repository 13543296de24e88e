/** Which fleet is meant, with doors that are really there. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { findFleet, type Which } from '../../../lib/client/find.js';
import { doorPath, type Surroundings } from '../../../lib/common/admin-place.js';
import { folderWith } from '../../helpers/folder.js';

/** Of a user who has no other folder on this machine. */
function surroundings(): Surroundings {
  const folder = folderWith({});
  mkdirSync(join(folder, 'prefork'), { mode: 0o700 });
  return {
    platform: 'linux',
    env: { XDG_RUNTIME_DIR: folder },
    uid: process.geteuid?.() === 0 ? 0 : process.geteuid?.(),
  };
}

async function door(path: string): Promise<Server> {
  const server = createServer(() => {});
  await new Promise<void>((resolve) => void server.listen(path, resolve));
  onTestFinished(() => void server.close());
  return server;
}

const named = (name: string, here: Surroundings): string => doorPath(name, here);

async function found(which: Which, here: Surroundings): Promise<string> {
  const connection = await findFleet(which, here);
  connection.close();
  return connection.path;
}

/** Beside these the machine may have fleets of its own, where the tests run as root. */
test('R5i a fleet is found by its name, among several and whatever is in it', async () => {
  const here = surroundings();
  for (const name of ['door-test-a', 'door-test/b c', '.door-test', 'Ü-test']) await door(named(name, here));
  for (const name of ['door-test-a', 'door-test/b c', '.door-test', 'Ü-test'])
    expect(await found({ name }, here)).toBe(named(name, here));
});

test('R5i with several fleets and no name the error names them, and code 2', async () => {
  const here = surroundings();
  await door(named('door-test-a', here));
  await door(named('door-test-b', here));
  await expect(found({}, here)).rejects.toMatchObject({
    exitCode: 2,
    code: 'ERR_PREFORK_WHICH_FLEET',
    message: expect.stringMatching(/^several fleets run: .*'door-test-a', 'door-test-b'.*: name one: --name <name>$/),
  });
});

test('R5i a name that no fleet has: the error names those that run, and code 3', async () => {
  const here = surroundings();
  await door(named('door-test-a', here));
  await expect(found({ name: 'door-test-x' }, here)).rejects.toMatchObject({
    exitCode: 3,
    message: expect.stringMatching(/^there is no fleet 'door-test-x'; these run: .*'door-test-a'/),
  });
});

test('R5i what a killed master has left, and files that are no doors, are no fleets', async () => {
  const here = surroundings();
  await door(named('door-test-a', here));
  writeFileSync(named('door-test-file', here), '');
  writeFileSync(`${named('door-test-a', here)}.lock`, '');
  for (const name of ['door-test-file', 'door-test-a.sock'])
    await expect(found({ name }, here)).rejects.toMatchObject({ exitCode: 3 });
});

test('R5i the path of a door outranks the name, and one that is not there is named', async () => {
  const here = surroundings();
  const path = join(folderWith({}), 'own.sock');
  await door(path);
  expect(await found({ admin: path, name: 'door-test-other' }, here)).toBe(path);
  await expect(found({ admin: `${path}x` }, here)).rejects.toMatchObject({
    exitCode: 3,
    message: expect.stringContaining(`there is no admin door ${path}x`),
  });
});
