// What a worker of any fleet does: answers with its pid after a moment, and stands still when an order asks for it.
import { subscribe } from 'node:diagnostics_channel';
import { createServer } from 'node:http';
import { hoardDescriptors } from './hoard.mjs';

/** Milliseconds, the longest time that an answer takes: so a worker always has some on their way. */
const MOMENT = 20;

const unsignalled = new Int32Array(new SharedArrayBuffer(4));
const open = new Set();
/** Connections that were accepted before the latest standstill. */
let held = new WeakSet();
let leaving = false;

export function serve() {
  subscribe('net.server.socket', ({ socket }) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
  });
  const body = JSON.stringify({ pid: process.pid });
  const server = createServer((request, response) => {
    setTimeout(() => {
      // Now: the standstill may also have come between the request and its answer.
      if (held.has(request.socket)) response.setHeader('x-held', 'yes');
      if (leaving) response.setHeader('connection', 'close');
      response.end(body);
    }, Math.random() * MOMENT);
  });
  // Only a fleet ends idle connections: by Node's default of 5 s a connection that is kept may lose its next request at any time.
  server.keepAliveTimeout = 0;
  const { diesAfter } = globalThis;
  if (diesAfter === undefined) return server;
  // A bad release, see releases.mjs.
  return server.on('listening', () => {
    setTimeout(() => {
      throw new Error(`this release dies ${diesAfter} ms after it listens`);
    }, diesAfter);
  });
}

/** What a careful program without this package does before it closes its server: from now on answers close their connections. */
export function beginToLeave() {
  leaving = true;
}

/** The orders of the suite to a worker. */
export function obeyMessage({ ms, leak, leaves }) {
  if (leaves) beginToLeave();
  if (ms !== undefined) standStill(ms);
  if (leak !== undefined) hoardDescriptors(leak);
}

/** Blocks the event loop, as a synchronous call that waits does: the machine has nothing to do meanwhile. */
function standStill(ms) {
  held = new WeakSet(open);
  Atomics.wait(unsignalled, 0, 0, ms);
}
