import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { gate, get, httpKinds, serve } from '../../helpers/drain-helpers.js';
import { eventually } from '../../helpers/index.js';

const SIZE = 4 * 1024 * 1024;
const HEAD = `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${SIZE}\r\n\r\n`;
const REFUSED = 'too large';

type Exchange = readonly [request: IncomingMessage, response: ServerResponse];

for (const { kind, make } of httpKinds) {
  for (const reason of ['no drain', 'replace', 'stop'] as const) {
    test(`N5d ${kind}: an early refusal of an upload arrives whole at a client that writes first and reads later (${reason})`, async () => {
      const { reached, reach } = gate<Exchange>();
      await using fleet = await serve(make((request, response) => reach([request, response])));
      const client = await fleet.connect();
      client.socket.pause();
      client.socket.write(HEAD);
      client.socket.write(Buffer.alloc(SIZE / 4));
      const [, response] = await reached;
      if (reason !== 'no drain') fleet.drain.begin(reason);
      const finished = once(response, 'finish');
      response.writeHead(413, { 'Content-Length': REFUSED.length }).end(REFUSED);
      await finished;
      // The client sends the rest after the answer, as one that does not look for an answer: without an error.
      for (let i = 0; i < 3; i++) {
        await new Promise((resolve) => setImmediate(resolve));
        await new Promise<void>((resolve, reject) =>
          client.socket.write(Buffer.alloc(SIZE / 4), (error) => (error ? reject(error) : resolve())),
        );
      }
      client.socket.resume();
      await client.until(REFUSED);
      expect(client.received()).toMatch(/^HTTP\/1\.1 413 /);
      if (reason === 'no drain') return;
      const answered = performance.now();
      expect(await client.end).toMatch(/\r\nConnection: close\r\n[\s\S]*too large$/);
      expect(performance.now() - answered).toBeLessThan(2_500);
      await fleet.finished();
    });
  }

  test(`N5d ${kind}: a client that never sends the rest of a refused upload has its answer and loses its connection 2 s later`, async () => {
    const { reached, reach } = gate<Exchange>();
    await using fleet = await serve(make((request, response) => reach([request, response])));
    const client = await fleet.connect();
    // It does not read that the server's side has ended.
    client.socket.write(HEAD);
    const [, response] = await reached;
    fleet.drain.begin('replace');
    client.socket.pause();
    response.writeHead(413).end(REFUSED);
    const answered = performance.now();
    await eventually(() => fleet.drain.connections === 0, { within: 5_000, what: 'the connection ends' });
    expect(performance.now() - answered).toBeGreaterThan(1_500);
    client.socket.resume();
    expect(await client.end).toMatch(/^HTTP\/1\.1 413 [\s\S]*too large/);
    await fleet.finished();
  });

  test(`N5d ${kind}: an upload that is answered early and read to its end is read to its end in a drain, and the next request moves`, async () => {
    const { reached, reach } = gate<void>();
    const ended = gate<number>();
    await using fleet = await serve(
      make((request, response) => {
        if (request.method === 'GET') {
          response.end('moved');
          return;
        }
        let size = 0;
        request.on('data', (chunk: Buffer) => {
          size += chunk.length;
          reach();
        });
        request.on('end', () => ended.reach(size));
        void reached.then(() => {
          fleet.drain.begin('replace');
          response.writeHead(202).end('accepted');
        });
      }),
    );
    const client = await fleet.connect();
    client.socket.write(HEAD);
    client.socket.write(Buffer.alloc(10));
    await client.until('accepted');
    client.socket.write(Buffer.alloc(SIZE - 10));
    expect(await ended.reached).toBe(SIZE);
    client.socket.write(get());
    expect(await client.end).toMatch(/accepted[\s\S]*Connection: close[\s\S]*moved/);
    await fleet.finished();
  });

  test(`N5d ${kind}: an upload that came with its head and is answered at once moves its client with that answer`, async () => {
    await using fleet = await serve(make((_, response) => response.end('ok')));
    const client = await fleet.connect();
    fleet.drain.begin('replace');
    client.socket.write('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody');
    expect(await client.end).toMatch(/Connection: close[\s\S]*ok$/);
    await fleet.finished();
  });
}
