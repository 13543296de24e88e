/** Which inspector a worker closes when its master asks it to. */

import inspector from 'node:inspector';
import { afterEach, expect, test } from 'vitest';
import { listeningSockets } from '../../../lib/system/inspector/process-sockets.js';
import { closeInspector } from '../../../lib/worker/inspector-port.js';

afterEach(() => inspector.close());

/** @returns its port. */
function openInspector(host: string): number {
  inspector.open(0, host);
  return Number(new URL(inspector.url() ?? '').port);
}

test.each(['127.0.0.1', '127.0.0.2', '0.0.0.0', '::1', '::', '::ffff:127.0.0.1', 'localhost'])(
  'a worker keeps the inspector at %s where it listened before it was asked for its stack',
  async (host) => {
    const port = openInspector(host);
    const sockets = (await listeningSockets(process.pid)).filter((socket) => socket.port === port);
    await closeInspector(sockets.map(({ bound }) => ({ host: bound, port })));
    expect(inspector.url()).toContain(`:${port}/`);
  },
);

test('a worker closes the inspector that came with the question, whatever else it listens on', async () => {
  const port = openInspector('127.0.0.1');
  await closeInspector([
    { host: '127.0.0.1', port: port - 1 },
    { host: '127.0.0.1', port: port + 1 },
    { host: '127.0.0.2', port },
    { host: '::1', port },
  ]);
  expect(inspector.url()).toBeUndefined();
});
