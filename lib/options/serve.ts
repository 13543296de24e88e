/** The `serve` option. */

import type { Server } from 'node:net';
import { invalidOption } from '../common/errors.js';
import type { Serve } from '../types.js';

export function checkServe(option: string, value: unknown): Serve | Server {
  const allowed = 'a function (listener, worker) => server, or a net, http, https or HTTP/2 server';
  if (typeof value === 'function') {
    // An Express application is a function too: called as `serve` it would take the listener for a request.
    if ('listen' in value && typeof value.listen === 'function') {
      throw invalidOption(option, value, `${allowed}; for an application use (listener) => app.listen(listener)`);
    }
    return value as Serve;
  }
  if (typeof value !== 'object' || value === null) throw invalidOption(option, value, allowed);
  // By shape: a server of another copy of node:net (Bun, a mock) is as good.
  const server = value as Partial<Server>;
  const methods = [server.listen, server.close, server.address, server.on];
  if (!methods.every((method) => typeof method === 'function') || typeof server.listening !== 'boolean') {
    const hint = typeof server.listen === 'function' ? '; for an application pass its server, or a function' : '';
    throw invalidOption(option, value, `${allowed}${hint}`);
  }
  if (server.listening) {
    const advice = 'a server that does not listen yet: leave out your own listen() call, workers listen by themselves';
    throw invalidOption(option, value, advice, { range: true, shown: 'a server that listens already' });
  }
  return server as Server;
}
