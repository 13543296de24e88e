import { once } from 'node:events';
import { readSync, writeSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { descriptorOf } from '../../../lib/worker/system/kernel-activity.js';
import { testOnLinux } from '../../helpers/skip.js';
import { errorOf, native } from '../native-helpers.js';

test('a connection is not ended while bytes wait; once it is, the client can send nothing more', () => {
  const [ours, theirs] = native.socketPair();
  const buffer = Buffer.alloc(8);
  writeSync(theirs, 'request');
  expect(native.endIfSilent(ours)).toBe(false);
  expect(readSync(ours, buffer)).toBe(7);
  writeSync(ours, 'answer');
  expect(native.endIfSilent(ours)).toBe(true);
  expect(readSync(theirs, buffer)).toBe(6);
  expect(readSync(theirs, buffer)).toBe(0);
  expect(errorOf(() => writeSync(theirs, 'late'))).toMatchObject({ code: 'EPIPE' });
  for (const fd of [ours, theirs]) native.closeFd(fd);
});

testOnLinux(
  'what comes over TCP after the end is refused, and not acknowledged as if it would be answered',
  async () => {
    const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const [accepted] = (await once(server, 'connection')) as [Socket];
    expect(native.endIfSilent(descriptorOf(accepted) ?? -1)).toBe(true);
    client.resume();
    await once(client, 'end');
    const failed = once(client, 'error');
    client.write('late', () => client.write('later'));
    // In CLOSE_WAIT a reset is EPIPE.
    expect(await failed).toMatchObject([{ code: 'EPIPE' }]);
    accepted.destroy();
    server.close();
    await once(server, 'close');
  },
);
