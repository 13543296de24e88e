/**
 * A bound for `send()` over the channel of Node's child processes, in both directions: Node returns false when 128 KB wait, and takes
 * everything all the same. A peer that does not read would cost this process all that is ever sent to it.
 */

import { WAITING_LIMIT } from './protocol.cjs';

/** Messages that wait behind a handle which the other side has not taken yet. Node keeps them as objects, whose size it does not know. */
const QUEUE_LIMIT = 10_000;

type Send = (this: unknown, message: unknown, ...rest: unknown[]) => boolean;

interface Sender {
  send?: unknown;
  readonly connected?: boolean;
  readonly channel?: object | null | undefined;
  readonly _handleQueue?: readonly unknown[] | null;
}

/** Where Node keeps the channel itself: `channel` is a view of it (node: lib/internal/child_process.js). */
const HANDLE = 'kChannelHandle';

/**
 * From now on a message for which there is no room is refused: `send()` returns false, and calls back with an error. There is room
 * again as soon as the other side has read.
 * @param gone Called with a handle that was sent, unless it stays open here.
 */
export function boundSend(sender: Sender, gone?: (handle: unknown) => void): void {
  const send = sender.send as Send | undefined;
  if (send === undefined) return;
  const bounded: Send = function (this: unknown, message, ...rest) {
    if (sender.connected !== true || isInternal(message) || hasRoom(sender)) {
      const sent = Reflect.apply(send, this, [message, ...rest]);
      const [handle, options] = rest;
      if ((options as { readonly keepOpen?: boolean } | undefined)?.keepOpen !== true) gone?.(handle);
      return sent;
    }
    const done = rest.find((argument) => typeof argument === 'function') as ((error: Error) => void) | undefined;
    if (done !== undefined) process.nextTick(done, refusal());
    return false;
  };
  Object.defineProperty(sender, 'send', { value: bounded, configurable: true, writable: true, enumerable: true });
}

function hasRoom(sender: Sender): boolean {
  if ((sender._handleQueue?.length ?? 0) >= QUEUE_LIMIT) return false;
  return waiting(sender) < WAITING_LIMIT;
}

/** Bytes; 0 of a channel that is closed. */
function waiting(sender: Sender): number {
  const symbol = Object.getOwnPropertySymbols(sender).find(({ description }) => description === HANDLE);
  if (symbol === undefined) return 0;
  const handle = (sender as Record<symbol, { readonly writeQueueSize?: number } | null>)[symbol];
  return handle?.writeQueueSize ?? 0;
}

/** Of Node's cluster module: small, and each is an answer or one of few. */
function isInternal(message: unknown): boolean {
  if (typeof message !== 'object' || message === null) return false;
  const { cmd } = message as { readonly cmd?: unknown };
  return typeof cmd === 'string' && cmd.startsWith('NODE_');
}

function refusal(): Error {
  const text = `The message was not sent: more than ${WAITING_LIMIT / 1024 / 1024} MiB wait for the other process to read`;
  return Object.assign(new Error(text), { code: 'ERR_PREFORK_CHANNEL_FULL' });
}
