/** The end of an HTTP/1 connection whose request was answered before it had arrived in full: a refused upload. */

import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** A client that sends nothing for so long has sent what it will. Milliseconds. */
const QUIET = 2_000;
/** A client that goes on sending is cut after so long. Milliseconds. */
const LIMIT = 10_000;

/**
 * Node destroys the socket of an answer that said `Connection: close`. The kernel then answers what the client still sends with a reset,
 * and a client that writes first and reads later has lost the answer:
 *
 *     client:  POST, half of the body ────────┐   more of the body ──┐        EPIPE: gives up without reading
 *     server:                        413, close() ────────────── RST ┘
 *
 * So the connection ends in stages instead (RFC 9112 9.6): the answer, an end-of-file after it, and what the client still sends is
 * read and thrown away until the request is complete, or nothing has come for two seconds.
 */
export function endInStages(socket: Socket, request: IncomingMessage): void {
  const destroySoon = (): void => {
    Reflect.deleteProperty(socket, 'destroySoon');
    if (request.complete || socket.destroyed) socket.destroySoon();
    else linger(socket, request);
  };
  Object.defineProperty(socket, 'destroySoon', { value: destroySoon, configurable: true, writable: true });
}

/** Whether more of the request is to come. `complete` alone is false for the whole time of a handler that answers at once. */
export function isUnfinished({ complete, headers }: IncomingMessage): boolean {
  return !complete && ('transfer-encoding' in headers || Number(headers['content-length'] ?? 0) > 0);
}

/** Whether the app reads the body: what is only resumed is thrown away. */
export function isRead(request: IncomingMessage): boolean {
  return request.listenerCount('data') > 0 || request.listenerCount('readable') > 0;
}

function linger(socket: Socket, request: IncomingMessage): void {
  socket.end();
  request.once('end', () => socket.destroySoon());
  if (!isRead(request) || request.readableFlowing === false) request.resume();
  const until = performance.now() + LIMIT;
  let before = socket.bytesRead;
  const timer = setInterval(() => {
    if (socket.bytesRead === before || performance.now() >= until) socket.destroy();
    before = socket.bytesRead;
  }, QUIET).unref();
  socket.once('close', () => clearInterval(timer));
}
