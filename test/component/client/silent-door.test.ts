/** A door that closes a connection without an answer: that of a master which ends, or of one without descriptors. */

import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openConnection } from '../../../lib/client/connection.js';
import { folderWith } from '../../helpers/folder.js';

async function listeningAt(path: string): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(path, resolve));
  onTestFinished(() => void server.close());
  return server;
}

test('R5f a master that closes every connection at once is not said to have ended: it has no descriptor for a client', async () => {
  const path = join(folderWith({}), 'door');
  (await listeningAt(path)).on('connection', (socket) => socket.destroy());
  const connection = await openConnection(path, { platform: 'linux' });
  await expect(connection.ask('status')).rejects.toMatchObject({
    exitCode: 3,
    code: 'ERR_PREFORK_NO_MASTER',
    message: expect.stringMatching(/has no descriptor for one more client .*ulimit -n/),
  });
});

test('R5f a master that closes its door with its connections has ended', async () => {
  const path = join(folderWith({}), 'door');
  const server = await listeningAt(path);
  server.on('connection', (socket) => {
    socket.destroy();
    server.close();
  });
  const connection = await openConnection(path, { platform: 'linux' });
  await expect(connection.ask('status')).rejects.toThrow(`the master of ${path} ended before it answered`);
});

test('R5f a client that has closed its connection makes no other one', async () => {
  const path = join(folderWith({}), 'door');
  const server = await listeningAt(path);
  let count = 0;
  const closed = new Promise<void>((resolve) => {
    server.on('connection', (socket) => {
      count++;
      socket.resume().once('close', () => resolve());
    });
  });
  const connection = await openConnection(path, { platform: 'linux' });
  const asked = expect(connection.ask('status')).rejects.toThrow('ended before it answered');
  connection.close();
  await closed;
  await asked;
  expect(count).toBe(1);
});
