/** Clients that are spoken to by hand over TCP or TLS, and a server with its drain. */

import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import net from 'node:net';
import tls from 'node:tls';
import { Drain } from '../../lib/worker/drain/drain.js';
import { USUAL_WAIT } from './eventually.js';
import { bounded, tlsMaterial } from './index.js';

export const { key, cert } = tlsMaterial();

export interface Spoken {
  readonly socket: net.Socket;
  readonly received: () => string;
  /** Everything that was received, when the connection has ended. */
  readonly end: Promise<string>;
  /** Waits until `text` was received. */
  until(text: string): Promise<void>;
}

/** Records what a connection receives from now on. A reset ends it like an end-of-file. */
export function listenTo(socket: net.Socket): Spoken {
  let text = '';
  const waiting = new Set<() => void>();
  socket.setEncoding('latin1').on('data', (more: string) => {
    text += more;
    for (const check of waiting) check();
  });
  socket.on('error', () => {});
  const end = new Promise<string>((resolve) => socket.on('close', () => resolve(text)));
  return {
    socket,
    received: () => text,
    end: bounded(end, USUAL_WAIT, () => `the connection ends; so far ${JSON.stringify(text.slice(0, 400))}`),
    until: (part) =>
      bounded(
        new Promise<void>((resolve, reject) => {
          const check = (): void => {
            if (text.includes(part)) resolve();
          };
          waiting.add(check);
          void end.then(() => reject(new Error(`ended after ${JSON.stringify(text)}`)));
          check();
        }),
        USUAL_WAIT,
        () => `${part} arrives; so far ${JSON.stringify(text.slice(0, 400))}`,
      ),
  };
}

/** A tracked server on loopback. */
export interface Drained extends AsyncDisposable {
  readonly server: Server;
  readonly drain: Drain;
  readonly port: number;
  connect(): Promise<Spoken>;
  /** Settles when the drain has finished. */
  finished(): Promise<void>;
}

export async function serve(server: Server, drain = new Drain()): Promise<Drained> {
  drain.track(server);
  drain.allTracked();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const clients: net.Socket[] = [];
  return {
    server,
    drain,
    port,
    async connect() {
      const secure = 'setSecureContext' in server;
      const socket = secure
        ? tls.connect({ port, host: '127.0.0.1', ca: cert, servername: 'localhost', ALPNProtocols: ['http/1.1'] })
        : net.connect({ port, host: '127.0.0.1' });
      clients.push(socket);
      const spoken = listenTo(socket);
      await once(socket, secure ? 'secureConnect' : 'connect');
      return spoken;
    },
    finished: () =>
      bounded(drain.finished, USUAL_WAIT, () => `the drain finishes; ${drain.connections} connections are open`),
    async [Symbol.asyncDispose]() {
      for (const socket of clients) socket.destroy();
      drain.begin('stop');
      drain.destroy();
      if (server.listening) server.close();
      await drain.finished;
    },
  };
}

export type Handler = (request: http.IncomingMessage, response: http.ServerResponse) => void;

/** The HTTP/1 servers under test; the promises of a drain are the same for both. */
export const httpKinds = [
  { kind: 'http', make: (handler?: Handler): http.Server => http.createServer(handler) },
  { kind: 'https', make: (handler?: Handler): http.Server => https.createServer({ key, cert }, handler) },
] as const;

/** A request without a body. */
export function get(path = '/', headers = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`;
}

/** A promise that a handler keeps for later. */
export function gate<T>(): { readonly reached: Promise<T>; readonly reach: (value: T) => void } {
  let reach!: (value: T) => void;
  const reached = new Promise<T>((resolve) => {
    reach = resolve;
  });
  return { reached: bounded(reached, USUAL_WAIT, 'the handler runs'), reach };
}
