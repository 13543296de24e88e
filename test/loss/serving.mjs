// What a worker of any fleet does: answers with its pid after a moment, stands still when it is told to.
import { subscribe } from 'node:diagnostics_channel';
import { createServer } from 'node:http';

/** Milliseconds, the longest time that an answer takes: whatever happens to a worker, some are always on their way. */
const MOMENT = 20;

const nobody = new Int32Array(new SharedArrayBuffer(4));
const open = new Set();
/** Connections that were accepted before the latest standstill. */
let held = new WeakSet();

export function serve() {
  subscribe('net.server.socket', ({ socket }) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
  });
  const body = JSON.stringify({ pid: process.pid });
  return createServer((request, response) => {
    setTimeout(() => {
      // Now: the standstill may also have come between the request and its answer.
      if (held.has(request.socket)) response.setHeader('x-held', 'yes');
      response.end(body);
    }, Math.random() * MOMENT);
  });
}

/** Blocks the event loop, as a synchronous call that waits does: the machine has nothing to do meanwhile. */
export function standStill(ms) {
  held = new WeakSet(open);
  Atomics.wait(nobody, 0, 0, ms);
}
