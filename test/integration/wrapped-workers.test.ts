/** Workers that run behind a wrapper: the process that was started is not the one that serves. */

import { expect, test } from 'vitest';
import { connectRaw, isAlive, startMaster } from '../helpers/index.js';

test('C22 a blocked worker behind a shell is gone when the stop is over', async () => {
  const config = { how: 'behind a shell', options: { workers: 1, shutdownGracePeriod: 500 } };
  const master = startMaster('workers-by-producer', { args: [JSON.stringify(config)] });
  const { pids, addresses } = await master.event('onMasterReady');
  const serving = (await master.event('serve')).pid as number;
  expect(pids).not.toContain(serving);
  const client = await connectRaw({ port: addresses[0].port });
  client.write('GET /block HTTP/1.1\r\nHost: x\r\n\r\n');
  await master.event('request');
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
  expect(isAlive(serving)).toBe(false);
});
