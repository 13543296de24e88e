/** Small clients. Every request has a connection of its own unless an agent is given. */

import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { bounded, USUAL_WAIT } from './eventually.js';

/** Where to connect to: a port on loopback, or the path of a unix socket. */
export interface Target {
  readonly port?: number;
  /** Default: `127.0.0.1`. */
  readonly host?: string;
  readonly socketPath?: string;
}

export interface RequestOptions extends Target {
  /** Default: `/`. */
  readonly path?: string;
  /** Default: `GET`. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Makes it HTTPS. The certificate of the server, in PEM. */
  readonly ca?: string;
  readonly agent?: http.Agent | https.Agent;
  /** Milliseconds until the request fails. Default: {@link USUAL_WAIT}. */
  readonly within?: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
  /** The body as JSON. */
  json<T = { pid: number; slot: number; generation: number }>(): T;
}

/** Rejects for every error of the connection, a body that was cut and an answer that comes too late. */
export async function httpGet(options: RequestOptions): Promise<Answer> {
  const { within = USUAL_WAIT, ca, body, ...rest } = options;
  const request = (ca === undefined ? http : https).request({
    host: options.socketPath === undefined ? '127.0.0.1' : undefined,
    agent: false,
    ...rest,
    ...(ca === undefined ? {} : { ca, servername: 'localhost' }),
  });
  const answer = new Promise<Answer>((resolve, reject) => {
    request.on('error', reject);
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('aborted', () => reject(new Error(`The answer was cut after ${Buffer.concat(chunks).length} bytes`)));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: text,
          json: <T>() => JSON.parse(text) as T,
        });
      });
    });
  });
  request.end(body);
  try {
    return await bounded(answer, within, `${options.method ?? 'GET'} ${options.path ?? '/'} is answered`);
  } finally {
    if (options.agent === undefined) request.destroy();
  }
}

/** A connection that is spoken to by hand; destroyed by `close()`. */
export interface RawConnection {
  readonly socket: net.Socket;
  /** Everything received so far. */
  readonly received: string;
  write(text: string): void;
  /** Waits until the client has received `text`; returns all that it received. Rejects when the connection ends first. */
  until(text: string, within?: number): Promise<string>;
  /** Waits for the end of the connection: the error, or `undefined` after a regular end. */
  ended(within?: number): Promise<NodeJS.ErrnoException | undefined>;
  close(): void;
}

/** A socket that connects. */
export function dial({ port = 0, host = '127.0.0.1', socketPath }: Target): net.Socket {
  return socketPath === undefined ? net.connect({ port, host }) : net.connect({ path: socketPath });
}

/** Resolves when connected; rejects with the error of connect(2). */
export async function connectRaw(target: Target): Promise<RawConnection> {
  const socket = dial(target);
  let received = '';
  let failure: NodeJS.ErrnoException | undefined;
  let over = false;
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const check of waiting) check();
  };
  socket.setEncoding('latin1');
  const connected = new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  socket.on('error', (error) => {
    failure = error;
  });
  socket.on('data', (text: string) => {
    received += text;
    wake();
  });
  socket.on('close', () => {
    over = true;
    wake();
  });
  await connected;

  function when(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (!condition()) return;
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      check();
    });
  }

  return {
    socket,
    get received() {
      return received;
    },
    write: (text) => void socket.write(text, 'latin1'),
    async until(text, within = USUAL_WAIT) {
      await bounded(
        when(() => over || received.includes(text)),
        within,
        () => `${JSON.stringify(text)} arrives; so far ${JSON.stringify(received)}`,
      );
      if (!received.includes(text)) {
        throw new Error(`The connection ended after ${JSON.stringify(received)}`, { cause: failure });
      }
      return received;
    },
    async ended(within = USUAL_WAIT) {
      await bounded(
        when(() => over),
        within,
        'the connection ends',
      );
      return failure;
    },
    close: () => void socket.destroy(),
  };
}
