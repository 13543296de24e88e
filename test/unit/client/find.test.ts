/** Which fleet is meant on Windows, with pipes that are not there. test/component/client has unix sockets that are. */

import { beforeEach, expect, test, vi } from 'vitest';
import { type Connection, openConnection } from '../../../lib/client/connection.js';
import { doorsThatMayBe } from '../../../lib/client/doors.js';
import { findFleet } from '../../../lib/client/find.js';
import { notThere } from '../../../lib/client/not-there.js';
import { nameOfDoor } from '../../../lib/common/admin-place.js';

vi.mock('../../../lib/client/connection.js', { spy: true });
vi.mock('../../../lib/client/doors.js', { spy: true });

const windows = { platform: 'win32', env: {}, uid: undefined } as const;
const PIPES = '\\\\.\\pipe\\';
const pipe = (name: string): string => `${PIPES}prefork-${name}`;

/** A code instead of a connection: the pipe refuses. */
let pipes: Map<string, string | undefined>;
let list: () => string[];

beforeEach(async () => {
  pipes = new Map();
  list = () => [...pipes.keys()].map((path) => path.slice(PIPES.length));
  vi.mocked(openConnection).mockImplementation((path) => {
    const [, code] = [...pipes].find(([there]) => there.toLowerCase() === path.toLowerCase()) ?? ['', 'ENOENT'];
    if (code === undefined) return Promise.resolve({ path, close: () => {} } as Connection);
    return Promise.reject(notThere(path, Object.assign(new Error(code), { code }), windows));
  });
  const { doorsThatMayBe: real } =
    await vi.importActual<typeof import('../../../lib/client/doors.js')>('../../../lib/client/doors.js');
  vi.mocked(doorsThatMayBe).mockImplementation((here) => real(here, () => list()));
});

test('R5o a fleet is found by the name of its pipe, in any case, also where Windows lists no pipes', async () => {
  pipes.set(pipe('web'), undefined);
  list = () => {
    throw new Error('UNKNOWN: unknown error, scandir');
  };
  expect((await findFleet({ name: 'web' }, windows)).path).toBe(pipe('web'));
  expect((await findFleet({ name: 'Web' }, windows)).path).toBe(pipe('Web'));
  await expect(findFleet({}, windows)).rejects.toMatchObject({
    exitCode: 2,
    code: 'ERR_PREFORK_WHICH_FLEET',
    message: 'the fleets that run cannot be listed (UNKNOWN: unknown error, scandir): name one: --name <name>',
  });
  await expect(findFleet({ name: 'other' }, windows)).rejects.toMatchObject({
    exitCode: 3,
    message: expect.stringMatching(/^there is no fleet 'other' with an admin door \(looked in \\\\\.\\pipe\\\)/),
  });
});

test('R5o the only fleet is found among pipes of other programs; of several the error names each', async () => {
  pipes.set(`${PIPES}mojo.1234`, undefined).set(pipe('web'), undefined);
  expect((await findFleet({}, windows)).path).toBe(pipe('web'));
  pipes.set(pipe('api%2Fv1'), undefined);
  await expect(findFleet({}, windows)).rejects.toMatchObject({
    exitCode: 2,
    message: "several fleets run: 'api/v1', 'web': name one: --name <name>",
  });
  await expect(findFleet({ name: 'x' }, windows)).rejects.toMatchObject({
    exitCode: 3,
    message: "there is no fleet 'x'; these run: 'api/v1', 'web'",
  });
});

test('R5o the pipe of another user is named as that, by the name of the fleet as well', async () => {
  pipes.set(pipe('web'), 'EPERM');
  for (const which of [{ name: 'web' }, { admin: pipe('web') }]) {
    await expect(findFleet(which, windows)).rejects.toMatchObject({
      exitCode: 3,
      message: `the admin door ${pipe('web')} is that of another user: run this as the user that the master runs as, or as an administrator, in an elevated shell`,
    });
  }
});

test('R5o no advice on Windows is about signals, sockets or a command that does not run there', async () => {
  const refusals = await Promise.all(
    [{}, { name: 'web' }, { admin: pipe('web') }].map((which) => findFleet(which, windows).catch(String)),
  );
  for (const refusal of refusals) {
    expect(refusal).toMatch(/no fleet|no admin door/);
    expect(refusal).not.toMatch(/kill|start it with --admin|--admin=|root/);
  }
});

test('R5o a path is the name of a pipe in any spelling; a file is refused before it is opened', async () => {
  pipes.set('\\\\.\\pipe\\app', undefined);
  for (const admin of ['\\\\.\\pipe\\app', '//./pipe/app', '\\\\.\\PIPE\\App'])
    expect((await findFleet({ admin }, windows)).path.toLowerCase()).toBe('\\\\.\\pipe\\app');
  vi.mocked(openConnection).mockClear();
  for (const admin of ['C:\\windows\\win.ini', 'notes.txt', '\\\\server\\pipe\\app'])
    await expect(findFleet({ admin }, windows)).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringMatching(/ is no admin door: on Windows that is a named pipe, such as \\\\\.\\pipe\\app$/),
    });
  expect(openConnection).not.toHaveBeenCalled();
});

test('pipes of other programs are no doors', () => {
  for (const file of ['mojo.1234', 'prefork-', 'prefork', 'prefork-%E0%A4%A', 'prefork-%1B%5B2J'])
    expect(nameOfDoor(file, windows)).toBe(undefined);
});
