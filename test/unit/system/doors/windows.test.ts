/** The admin door on Windows, with a system that refuses. test/integration/admin has the pipe itself, under Wine. */

import { createServer } from 'node:net';
import { expect, test, vi } from 'vitest';
import { openDoor } from '../../../../lib/system/doors/windows.js';

function refusing(code: string): () => Promise<never> {
  return () => Promise.reject(Object.assign(new Error(`listen ${code}`), { code, syscall: 'listen' }));
}

test('without a path the door is the pipe of the name of the fleet', async () => {
  const server = createServer();
  const listen = vi.fn(() => Promise.resolve(server));
  const door = await openDoor({ name: 'a/b c', path: undefined }, listen);
  expect(door).toMatchObject({ path: '\\\\.\\pipe\\prefork-a%2Fb%20c', server });
  expect(listen).toHaveBeenCalledWith({ path: door.path });
});

test.each(['C:\\app\\prefork.sock', '\\\\server\\pipe\\app', '\\\\.\\pipe\\', 'pipe'])(
  'the path %s is no pipe: the error names the option and shows one',
  async (path) => {
    const listen = vi.fn();
    await expect(openDoor({ name: 'web', path }, listen)).rejects.toMatchObject({
      code: 'ERR_PREFORK_INVALID_OPTION',
      message: expect.stringMatching(/'admin'.*\\\\\.\\pipe\\app/),
    });
    expect(listen).not.toHaveBeenCalled();
  },
);

test.each([
  ['EADDRINUSE', undefined, /another process has the pipe of the name 'web': give this fleet another name/],
  ['EADDRINUSE', '\\\\.\\pipe\\app', /another process has this pipe: name another one/],
  ['EACCES', undefined, /256 characters/],
  ['ENAMETOOLONG', '\\\\.\\pipe\\app', /takes no such name of a pipe/],
])('%s for the path %s: the error names the pipe, the option and the way out', async (code, path, way) => {
  await expect(openDoor({ name: 'web', path }, refusing(code))).rejects.toMatchObject({
    code,
    syscall: 'listen',
    path: path ?? '\\\\.\\pipe\\prefork-web',
    message: expect.stringMatching(new RegExp(`option 'admin': .*${way.source}`)),
  });
});
