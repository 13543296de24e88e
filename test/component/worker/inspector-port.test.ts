/** Which inspector a worker closes when its master asks it to. */

import inspector from 'node:inspector';
import { afterEach, expect, test } from 'vitest';
import { closeInspector } from '../../../lib/worker/inspector-port.js';

afterEach(() => inspector.close());

/** @returns its port. */
function openInspector(host: string): number {
  inspector.open(0, host);
  return Number(new URL(inspector.url() ?? '').port);
}

test.each(['127.0.0.1', '127.0.0.2'])(
  'a worker keeps the inspector at %s on whose port it listened before it was asked for its stack',
  async (host) => {
    const port = openInspector(host);
    await closeInspector([port]);
    expect(inspector.url()).toContain(`:${port}/`);
  },
);

test('a worker closes the inspector that came with the question, whatever else it listens on', async () => {
  const port = openInspector('127.0.0.1');
  await closeInspector([port - 1, port + 1]);
  expect(inspector.url()).toBeUndefined();
});
