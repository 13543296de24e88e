import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { Http2Server, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import http2 from 'node:http2';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import type { DrainReason } from '../../../../lib/protocol/protocol.cjs';
import { cert, key, serve } from '../../../helpers/drain-helpers.js';
import { bounded, patience } from '../../../helpers/index.js';

const ROUNDS = 5;
const CALLERS = fileURLToPath(new URL('../../../fixtures/http2-callers.mjs', import.meta.url));

const servers = [
  { kind: 'http2', scheme: 'http', make: () => http2.createServer() as Http2Server },
  { kind: 'http2 over TLS', scheme: 'https', make: () => http2.createSecureServer({ key, cert }) },
] as const;

interface Result {
  readonly answered: number;
  readonly refused: number;
  readonly failures: readonly string[];
}

interface Shape {
  readonly what: string;
  /** What each caller of a session asks for. */
  readonly kinds: readonly ('get' | 'upload' | 'talk')[];
  /** Longest pause of a caller between two requests, in milliseconds. */
  readonly think: number;
  /** Whether a caller waits for an answer before it asks again. */
  readonly patient: boolean;
}

const gets = (count: number): 'get'[] => Array.from({ length: count }, () => 'get');
const patient = [
  { what: 'one request after the other', kinds: gets(1), think: 5, patient: true },
  { what: 'one request after the other, without a pause', kinds: gets(1), think: 0, patient: true },
  { what: 'eight callers', kinds: gets(8), think: 5, patient: true },
  { what: 'bursts of a hundred', kinds: gets(100), think: 0, patient: true },
  { what: 'uploads and long streams', kinds: [...gets(4), 'upload', 'upload', 'talk'], think: 5, patient: true },
] satisfies Shape[];

function answer(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  stream.on('error', () => {});
  const end = (text: string): void => {
    if (stream.destroyed) return;
    stream.respond({ ':status': 200 });
    stream.end(text);
  };
  if (headers[':path'] === '/echo') {
    stream.respond({ ':status': 200 });
    stream.pipe(stream);
  } else if (headers[':path'] === '/count') {
    let size = 0;
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length;
    });
    stream.on('end', () => end(String(size)));
  } else if (Math.random() < 0.5) end('ok');
  else setTimeout(end, Math.random() * 5, 'ok');
}

/** Begins a drain at a random moment, for every session of a client in a process of its own. */
async function drainUnderLoad(
  { scheme, make }: (typeof servers)[number],
  shape: Shape,
  { sessions, reason = 'replace' }: { readonly sessions: number; readonly reason?: DrainReason },
): Promise<Result> {
  const client = fork(CALLERS, { execArgv: [] });
  const message = async (): Promise<unknown> =>
    (await bounded(once(client, 'message'), 20_000, 'the client has news'))[0];
  const results: Result[] = [];
  try {
    await message();
    for (let round = 0; round < ROUNDS; round++) {
      const server = make().on('stream', answer);
      await using fleet = await serve(server);
      client.send({ ...shape, scheme, port: fleet.port, ca: cert, sessions });
      expect(await message()).toBe('connected');
      // At any moment of what the client does: this is no waiting for anything.
      await delay(Math.random() * 30);
      fleet.drain.begin(reason);
      results.push((await message()) as Result);
      await fleet.finished();
    }
  } finally {
    const exited = once(client, 'exit');
    client.disconnect();
    await exited;
  }
  const sum = (of: (result: Result) => number): number => results.reduce((total, result) => total + of(result), 0);
  return {
    answered: sum(({ answered }) => answered),
    refused: sum(({ refused }) => refused),
    failures: results.flatMap(({ failures }) => failures),
  };
}

/** Of three results at the most the first that refused so few: a client that gets no CPU for a second answers no ping, and may be refused. */
async function usuallyRefusing(most: number, drain: () => Promise<Result>): Promise<Result> {
  for (let left = 2; ; left--) {
    const result = await drain();
    expect(result.failures).toEqual([]);
    if (result.refused <= most || left === 0) return result;
  }
}

for (const server of servers) {
  for (const shape of patient) {
    test(
      `L5 ${server.kind}: a replacement loses no request of a client with ${shape.what}`,
      async () => {
        const sessions = shape.kinds.length > 50 ? 4 : 12;
        const { answered, refused } = await usuallyRefusing(0, () => drainUnderLoad(server, shape, { sessions }));
        expect(refused).toBe(0);
        expect(answered).toBeGreaterThanOrEqual(ROUNDS * sessions);
      },
      patience(90_000),
    );
  }

  test(`L5 ${server.kind}: a client that never waits learns which of its requests it has to send again`, async () => {
    const shape = { what: 'impatience', kinds: gets(1), think: 5, patient: false };
    const { failures, answered, refused } = await drainUnderLoad(server, shape, { sessions: 12 });
    expect(failures).toEqual([]);
    // Those that were sent in the moment between the GOAWAY and its arrival.
    expect(refused).toBeLessThan(answered / 2);
  });

  test(`W4 ${server.kind}: a stop answers every request that it does not refuse`, async () => {
    const shape = { what: 'impatience', kinds: gets(4), think: 2, patient: false };
    const { failures } = await drainUnderLoad(server, shape, { sessions: 12, reason: 'stop' });
    expect(failures).toEqual([]);
  });
}

/** A connection by way of this process, which delivers everything late and in order. */
async function slowPath(port: number, lateness: number): Promise<net.Server> {
  const proxy = net.createServer((near) => {
    const far = net.connect(port, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('error', () => to.destroy());
      from.on('data', (chunk) => setTimeout(() => to.writable && to.write(chunk), lateness));
      from.on('end', () => setTimeout(() => to.end(), lateness));
    }
  });
  proxy.listen(0, '127.0.0.1');
  onTestFinished(() => void proxy.close());
  await once(proxy, 'listening');
  return proxy;
}

async function body(stream: http2.ClientHttp2Stream): Promise<string> {
  let text = '';
  stream.setEncoding('utf8');
  for await (const chunk of stream) text += chunk as string;
  return text;
}

// Within the first moments this process may get no CPU for the second after which a ping counts as unanswered.
test('L5 http2: a request that is on its way when the first one arrives is answered, however long the way', {
  retry: 2,
}, async () => {
  const server = http2.createServer().on('stream', answer) as Http2Server;
  await using fleet = await serve(server);
  const proxy = await slowPath(fleet.port, 60);
  const client = http2.connect(`http://127.0.0.1:${(proxy.address() as net.AddressInfo).port}`);
  client.on('error', () => {});
  onTestFinished(() => void client.destroy());
  const closed = once(client, 'close');
  closed.catch(() => {});
  await once(client, 'remoteSettings');
  fleet.drain.begin('replace');
  const first = body(client.request());
  first.catch(() => {});
  await delay(40);
  const second = body(client.request());
  second.catch(() => {});
  await delay(40);
  const third = body(client.request());
  expect(await Promise.all([first, second, third])).toEqual(['ok', 'ok', 'ok']);
  await closed;
  await fleet.finished();
});

test('L5 http2: a request is not held back for more than a second when the client answers no ping', async () => {
  const server = http2.createServer().on('stream', answer) as Http2Server;
  await using fleet = await serve(server);
  // A client by hand: preface, SETTINGS, and one request without a word after it.
  const socket = net.connect(fleet.port, '127.0.0.1').on('error', () => {});
  const frame = (type: number, flags: number, stream: number, payload = Buffer.alloc(0)): Buffer => {
    const header = Buffer.alloc(9);
    header.writeUIntBE(payload.length, 0, 3);
    header.writeUInt8(type, 3);
    header.writeUInt8(flags, 4);
    header.writeUInt32BE(stream, 5);
    return Buffer.concat([header, payload]);
  };
  // HPACK: indexed `:method: GET`, `:scheme: http`, `:path: /`; a literal `:authority: x`.
  const request = frame(1, 0x5, 1, Buffer.from([0x82, 0x86, 0x84, 0x01, 0x01, 0x78]));
  const ended = once(socket, 'end');
  const received: Buffer[] = [];
  socket.on('data', (chunk) => received.push(chunk));
  const session = once(server, 'session');
  socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0, 0)]));
  await session;
  fleet.drain.begin('replace');
  const before = performance.now();
  socket.write(request);
  await bounded(ended, 10_000, 'the answer comes and the session ends');
  expect(performance.now() - before).toBeGreaterThan(900);
  expect(Buffer.concat(received).toString('latin1')).toContain('ok');
  socket.end();
  await fleet.finished();
});

test('http2: a stop that follows a replacement answers a request that was held back', async () => {
  const server = http2.createServer().on('stream', answer) as Http2Server;
  await using fleet = await serve(server);
  const client = http2.connect(`http://127.0.0.1:${fleet.port}`);
  const closed = once(client, 'close');
  await once(client, 'remoteSettings');
  const first = body(client.request());
  expect(await first).toBe('ok');
  fleet.drain.begin('replace');
  const stream = client.request();
  await new Promise<void>((resolve) => client.ping(() => resolve()));
  fleet.drain.begin('stop');
  expect(await body(stream)).toBe('ok');
  await closed;
  await fleet.finished();
});

test('http2: a request that the client cancels while it is held back never reaches the application', async () => {
  const paths: unknown[] = [];
  const server = http2.createServer() as Http2Server;
  server.on('stream', (stream, headers) => {
    paths.push(headers[':path']);
    answer(stream, headers);
  });
  await using fleet = await serve(server);
  const client = http2.connect(`http://127.0.0.1:${fleet.port}`);
  const closed = once(client, 'close');
  await once(client, 'remoteSettings');
  fleet.drain.begin('replace');
  const cancelled = client.request({ ':path': '/cancelled' });
  cancelled.on('error', () => {});
  const kept = body(client.request({ ':path': '/kept' }));
  // Behind the request, and before any answer to it.
  client.ping(() => cancelled.close(http2.constants.NGHTTP2_INTERNAL_ERROR));
  expect(await kept).toBe('ok');
  await closed;
  await fleet.finished();
  expect(paths).toEqual(['/kept']);
});
