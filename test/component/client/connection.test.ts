/** A connection to a pipe that its client may only read: libuv on Windows opens it, and Node ends the side that cannot write. */

import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { openConnection } from '../../../lib/client/connection.js';
import { folderWith } from '../../helpers/folder.js';

vi.mock('node:net', { spy: true });

test('R5o a door that lets its client read and not write is that of another user, and the connection ends', async () => {
  const path = join(folderWith({}), 'door');
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(path, resolve));
  onTestFinished(() => void server.close());
  const closed = new Promise<void>((resolve) => {
    server.on('connection', (socket) => socket.resume().once('close', () => resolve()));
  });
  const { connect: real } = await vi.importActual<typeof import('node:net')>('node:net');
  vi.mocked(connect).mockImplementation(((where: string) => {
    const socket = real(where);
    // As Node does when a handle has connected that cannot write.
    return socket.prependOnceListener('connect', () => socket.end());
  }) as typeof connect);
  await expect(openConnection(path, { platform: 'win32' })).rejects.toMatchObject({
    exitCode: 3,
    message: expect.stringMatching(/ is that of another user: .* administrator/),
  });
  await closed;
});
