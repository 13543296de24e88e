import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { expect } from 'vitest';
import { linux } from '../../../lib/addon/narrow.cjs';
import { testOnLinux as test } from '../../helpers/skip.js';
import { errorOf, failsCleanly, native } from '../native-helpers.js';

const BYTES = 108;
const listen = (name: string) => linux(native).listenAbstract(name, 4);

test('an abstract socket has exactly the name that it was given, without a file, and another one is refused with the way out', () => {
  const name = `\0prefork-native-${process.pid}`;
  const { fd, address } = listen(name);
  expect(address).toBe(name);
  expect(native.inspectListener(fd)).toMatchObject({
    family: 'unix',
    listening: true,
    address: name,
    closeOnExec: true,
  });
  const error = failsCleanly(() => listen(name));
  expect(error).toMatchObject({ code: 'EADDRINUSE', syscall: 'bind', path: `@${name.slice(1)}` });
  expect(error.message).toContain('ss -lx');
  const longer = listen(name.padEnd(BYTES, '\0'));
  for (const socket of [fd, longer.fd]) native.closeFd(socket);
  native.closeFd(listen(name).fd);
});

test('a client of Node connects to the name that a server of Node would have', async () => {
  const name = `\0prefork-native-node-${process.pid}`;
  const server = createServer().listen(name);
  await once(server, 'listening');
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  const { address } = native.inspectListener(fd);
  server.close();
  await once(server, 'close');
  const ours = listen(address);
  const client = connect(name);
  await once(client, 'connect');
  client.destroy();
  native.closeFd(ours.fd);
});

test('a name that is too long, or none, is an error that says so', () => {
  const longest = `\0${'x'.repeat(BYTES - 1)}`;
  native.closeFd(listen(longest).fd);
  expect(failsCleanly(() => listen(`${longest}y`))).toMatchObject({ code: 'ENAMETOOLONG', syscall: 'bind' });
  for (const name of ['', '\0', 'x']) expect(errorOf(() => listen(name)).message).toContain('begins with NUL');
});
