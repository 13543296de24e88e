import { expect, test, vi } from 'vitest';
import { boundSend } from '../../../lib/protocol/bounded-send.js';

const MB = 1024 * 1024;

/** As a child process of Node looks from inside. */
function fixture() {
  const handle = { writeQueueSize: 0 };
  const sent: unknown[] = [];
  const sender = {
    connected: true,
    _handleQueue: null as unknown[] | null,
    send: (message: unknown) => sent.push(message) > 0,
    [Symbol('kChannelHandle')]: handle as typeof handle | null,
  };
  const gone = vi.fn();
  boundSend(sender, gone);
  return { sender: sender as Omit<typeof sender, 'send'> & { send(...of: unknown[]): boolean }, handle, sent, gone };
}

test('a message is refused while 8 MiB wait, with an error for its callback, and taken again when they were read', async () => {
  const { sender, handle, sent } = fixture();
  handle.writeQueueSize = 8 * MB - 1;
  expect(sender.send('a')).toBe(true);
  handle.writeQueueSize = 8 * MB;
  const failed = new Promise<Error>((resolve) => {
    expect(sender.send('b', undefined, {}, resolve)).toBe(false);
  });
  expect(await failed).toMatchObject({ code: 'ERR_PREFORK_CHANNEL_FULL', message: expect.stringMatching('8 MiB') });
  expect(sender.send('c')).toBe(false);
  handle.writeQueueSize = 0;
  expect(sender.send('d')).toBe(true);
  expect(sent).toEqual(['a', 'd']);
});

test('messages that wait behind a handle are bounded by their number', () => {
  const { sender, sent } = fixture();
  sender._handleQueue = Array.from({ length: 9_999 });
  expect(sender.send('a')).toBe(true);
  sender._handleQueue.push('one more');
  expect(sender.send('b')).toBe(false);
  expect(sent).toEqual(['a']);
});

test("Node's own messages always go, and a channel that is closed answers as Node does", () => {
  const { sender, handle, sent } = fixture();
  handle.writeQueueSize = 9 * MB;
  const order = { cmd: 'NODE_CLUSTER', act: 'disconnect' };
  expect(sender.send(order)).toBe(true);
  sender.connected = false;
  expect(sender.send('a')).toBe(true);
  expect(sent).toEqual([order, 'a']);
});

test('a handle that was sent is reported, unless it stays open here or was refused', () => {
  const { sender, handle, gone } = fixture();
  sender.send('a', 'first');
  sender.send('b', 'second', { keepOpen: true });
  handle.writeQueueSize = 9 * MB;
  sender.send('c', 'third');
  expect(gone.mock.calls).toEqual([['first']]);
});
