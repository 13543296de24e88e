import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server, Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { AcceptingSocket } from '../../../../lib/worker/accepting/accepting-socket.js';
import { native } from '../../../helpers/addon.js';

const LISTENING = 4_000;
const EMFILE = -24;

/** A queue of connections that only the test fills; sockets are ends of real socketpairs. */
class FakeQueue {
  readonly calls: string[] = [];
  readonly #queue: number[] = [];
  #onWaiting: (() => void) | undefined;
  #armed = true;
  failure: Error | undefined;

  get waiting(): number {
    return this.#queue.length;
  }

  readonly native = {
    accept: (socket: number): number | undefined => {
      expect(socket).toBe(LISTENING);
      if (this.failure !== undefined) throw this.failure;
      return this.#queue.shift();
    },
    closeFd: (socket: number): void => {
      this.calls.push(`close ${socket === LISTENING ? 'listener' : 'socket'}`);
      if (socket !== LISTENING) native.closeFd(socket);
    },
    watchAccepts: (socket: number, onWaiting: () => void) => {
      this.calls.push(`watch ${socket}`);
      this.#onWaiting = onWaiting;
      return {
        rearm: () => {
          this.#armed = true;
          this.#call();
        },
        ref: () => void this.calls.push('ref'),
        unref: () => void this.calls.push('unref'),
        close: () => {
          this.calls.push('close watch');
          this.#onWaiting = undefined;
        },
      };
    },
  };

  /** Clients connect, all at once. */
  connect(clients: number): Socket[] {
    const ends = Array.from({ length: clients }, () => {
      const [ours, theirs] = native.socketPair();
      this.#queue.push(theirs);
      return new Socket({ fd: ours, readable: true, writable: true });
    });
    this.#call();
    for (const end of ends) end.on('error', () => {});
    opened.push(...ends);
    return ends;
  }

  /** As the thread does it: once, from outside. */
  #call(): void {
    if (!this.#armed || this.#queue.length === 0 || this.#onWaiting === undefined) return;
    this.#armed = false;
    const call = this.#onWaiting;
    queueMicrotask(() => call());
  }

  close(): void {
    for (const socket of this.#queue.splice(0)) native.closeFd(socket);
  }
}

const opened: (Socket | Server | FakeQueue)[] = [];

afterEach(async () => {
  for (const one of opened.splice(0)) {
    if (one instanceof Socket) {
      const closed = one.closed ? undefined : once(one, 'close');
      one.destroy();
      await closed;
    } else {
      one.close();
    }
  }
});

const BOUND = { address: '127.0.0.1', family: 'IPv4', port: 8_080 } as const;

function listeningSocket(): { queue: FakeQueue; socket: AcceptingSocket } {
  const queue = new FakeQueue();
  opened.push(queue);
  return { queue, socket: new AcceptingSocket(queue.native, LISTENING, BOUND) };
}

async function listen(server: Server, socket: AcceptingSocket): Promise<void> {
  opened.push(server);
  server.listen({ handle: socket.handle });
  await once(server, 'listening');
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a server listens with the handle, says where, and answers', async () => {
  const { queue, socket } = listeningSocket();
  const server = createHttpServer((request, response) => response.end(`you asked for ${request.url}`));
  await listen(server, socket);
  expect(server.address()).toEqual(BOUND);
  const [client] = queue.connect(1) as [Socket];
  client.end('GET /it HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  let answer = '';
  for await (const chunk of client) answer += String(chunk);
  expect(answer).toContain('you asked for /it');
});

test('connections are taken one in a turn of the event loop: those of a busy worker stay in the queue of all', async () => {
  const { queue, socket } = listeningSocket();
  const server = createServer((connection) => opened.push(connection));
  await listen(server, socket);
  queue.connect(3);
  const left: number[] = [];
  for (let i = 0; i < 6; i++) {
    await turn();
    left.push(queue.waiting);
  }
  const steps = left.map((now, i) => (left[i - 1] ?? 3) - now);
  expect(Math.max(...steps)).toBe(1);
  expect(queue.waiting).toBe(0);
  // Asleep again, and woken again.
  queue.connect(1);
  await once(server, 'connection');
});

test('close() takes no other connection, and closes the socket after its watch', async () => {
  const { queue, socket } = listeningSocket();
  const server = createServer((connection) => opened.push(connection));
  await listen(server, socket);
  const closed = once(server, 'close');
  queue.connect(2);
  server.close();
  await closed;
  await turn();
  expect(queue.waiting).toBe(2);
  expect(socket.accept()).toBe(false);
  expect(queue.calls).toEqual([`watch ${LISTENING}`, 'close watch', 'close listener']);
});

test('connections that a stop finds queued can be taken at once, one at a call', async () => {
  const { queue, socket } = listeningSocket();
  let accepted = 0;
  const server = createServer((connection) => {
    accepted++;
    opened.push(connection);
  });
  await listen(server, socket);
  queue.connect(1);
  expect(socket.accept()).toBe(true);
  expect(accepted).toBe(1);
  expect(socket.accept()).toBe(false);
});

test('options of the server hold: maxConnections drops, and an unreferenced server leaves the loop alone', async () => {
  const { queue, socket } = listeningSocket();
  const server = createServer((connection) => opened.push(connection));
  server.maxConnections = 1;
  await listen(server, socket);
  server.unref();
  server.ref();
  expect(queue.calls).toEqual([`watch ${LISTENING}`, 'unref', 'ref']);
  const dropped = once(server, 'drop');
  queue.connect(2);
  await dropped;
});

test('a connection handler that throws does not end accepting', async () => {
  const { queue, socket } = listeningSocket();
  let heard = 0;
  const server = createServer((connection) => {
    opened.push(connection);
    if (++heard === 1) throw new Error('from a handler');
  });
  await listen(server, socket);
  queue.connect(1);
  expect(() => socket.accept()).toThrow('from a handler');
  queue.connect(1);
  await once(server, 'connection');
  expect(heard).toBe(2);
});

test('a failure to accept is an error of the server, and accept is tried again later', async () => {
  const { queue, socket } = listeningSocket();
  const server = createServer((connection) => opened.push(connection));
  await listen(server, socket);
  queue.failure = Object.assign(new Error('accept EMFILE'), { code: 'EMFILE', errno: EMFILE });
  const failed = once(server, 'error');
  queue.connect(1);
  const [error] = (await failed) as [NodeJS.ErrnoException];
  expect(error).toMatchObject({ code: 'EMFILE', syscall: 'accept' });
  queue.failure = undefined;
  await once(server, 'connection');
});

test('a second server gets an error, and the first one goes on', async () => {
  const { queue, socket } = listeningSocket();
  const server = createServer((connection) => opened.push(connection));
  await listen(server, socket);
  const second = createServer();
  second.listen({ handle: socket.handle });
  const [error] = (await once(second, 'error')) as [NodeJS.ErrnoException];
  expect(error.syscall).toBe('listen');
  expect(queue.calls).toEqual([`watch ${LISTENING}`]);
  queue.connect(1);
  await once(server, 'connection');
});
