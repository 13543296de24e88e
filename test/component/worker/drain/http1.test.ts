import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { gate, get, httpKinds, serve } from '../../../helpers/drain-helpers.js';
import { eventually } from '../../../helpers/index.js';

for (const { kind, make } of httpKinds) {
  test(`W4 ${kind}: a request in flight when the drain begins is answered in full, with Connection: close`, async () => {
    const { reached, reach } = gate<ServerResponse>();
    await using fleet = await serve(make((_request, response) => reach(response)));
    const client = await fleet.connect();
    client.socket.write(get());
    const response = await reached;
    fleet.drain.begin('stop');
    response.end('x'.repeat(100_000));
    const answer = await client.end;
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(answer).toMatch(/\r\nConnection: close\r\n/);
    expect(answer.endsWith('x'.repeat(100_000))).toBe(true);
    await fleet.finished();
  });

  test(`W4 ${kind}: a stop closes idle keep-alive connections and silent ones at once`, async () => {
    await using fleet = await serve(make((_request, response) => response.end('ok')));
    const idle = await fleet.connect();
    const silent = await fleet.connect();
    idle.socket.write(get());
    await idle.until('ok');
    fleet.drain.begin('stop');
    expect(await idle.end).toMatch(/Connection: keep-alive/);
    expect(await silent.end).toBe('');
    await fleet.finished();
  });

  test(`W4 ${kind}: a request that the kernel holds when the drain begins is answered`, async () => {
    await using fleet = await serve(make((_request, response) => response.end('ok')));
    const [used, fresh] = [await fleet.connect(), await fleet.connect()];
    used.socket.write(get());
    await used.until('ok');
    // Both are in the server's receive buffer when write() returns; the drain begins before the loop turns.
    used.socket.write(get('/second'));
    fresh.socket.write(get());
    fleet.drain.begin('stop');
    expect(await used.end).toMatch(/keep-alive[\s\S]*HTTP\/1\.1 200 OK[\s\S]*Connection: close[\s\S]*ok/);
    expect(await fresh.end).toMatch(/Connection: close[\s\S]*ok$/);
    await fleet.finished();
  });

  test(`W4 ${kind}: a streaming response whose headers are out ends normally, then its connection closes`, async () => {
    const { reached, reach } = gate<ServerResponse>();
    await using fleet = await serve(
      make((_request, response) => {
        response.write('first ');
        reach(response);
      }),
    );
    const client = await fleet.connect();
    client.socket.write(get());
    const response = await reached;
    await client.until('first');
    fleet.drain.begin('stop');
    response.write('second ');
    await client.until('second');
    response.end('third');
    expect(await client.end).toMatch(/keep-alive[\s\S]*first [\s\S]*second [\s\S]*third\r\n0\r\n\r\n$/);
    await fleet.finished();
  });

  test(`W4 ${kind}: a response that has ended but waits for a slow reader is delivered in full`, async () => {
    const size = 8 * 1024 * 1024;
    const { reached, reach } = gate<ServerResponse>();
    await using fleet = await serve(
      make((_request, response) => {
        response.end(Buffer.alloc(size, 'y'));
        reach(response);
      }),
    );
    const client = await fleet.connect();
    client.socket.pause();
    client.socket.write(get());
    const response = await reached;
    expect(response.writableFinished).toBe(false);
    const idle = await fleet.connect();
    fleet.drain.begin('stop');
    // Sweeping neither waits for the slow reader nor takes it for idle.
    await idle.end;
    client.socket.resume();
    const answer = await client.end;
    expect(answer.length - answer.indexOf('\r\n\r\n') - 4).toBe(size);
    await fleet.finished();
  });

  test(`W4 ${kind}: pipelined requests in flight are all answered, the last with Connection: close`, async () => {
    const responses: ServerResponse[] = [];
    const { reached, reach } = gate<void>();
    await using fleet = await serve(
      make((_request, response) => {
        if (responses.push(response) === 3) reach();
      }),
    );
    const client = await fleet.connect();
    client.socket.write(get('/1') + get('/2') + get('/3'));
    await reached;
    fleet.drain.begin('stop');
    for (const [i, response] of [...responses.entries()].reverse()) response.end(`answer ${i + 1}`);
    const answer = await client.end;
    expect(answer.match(/Connection: [a-z-]+/g)).toEqual([
      'Connection: keep-alive',
      'Connection: keep-alive',
      'Connection: close',
    ]);
    expect(answer).toMatch(/answer 1[\s\S]*answer 2[\s\S]*answer 3$/);
    await fleet.finished();
  });

  test(`W4 ${kind}: requests pipelined after the drain began move the Connection: close to the last one`, async () => {
    const responses: ServerResponse[] = [];
    const { reached, reach } = gate<void>();
    const first = gate<void>();
    await using fleet = await serve(
      make((_request, response) => {
        first.reach();
        if (responses.push(response) === 3) reach();
      }),
    );
    const client = await fleet.connect();
    client.socket.write(get('/1'));
    await first.reached;
    fleet.drain.begin('stop');
    client.socket.write(get('/2') + get('/3'));
    await reached;
    for (const [i, response] of responses.entries()) response.end(`answer ${i + 1}`);
    const answer = await client.end;
    expect(answer.match(/Connection: close/g)).toHaveLength(1);
    expect(answer).toMatch(/answer 1[\s\S]*answer 2[\s\S]*Connection: close[\s\S]*answer 3$/);
    await fleet.finished();
  });

  test(`W4 ${kind}: a slow upload with Expect: 100-continue goes on through the drain`, async () => {
    const { reached, reach } = gate<void>();
    await using fleet = await serve(
      make(async (request, response) => {
        reach();
        let size = 0;
        for await (const chunk of request) size += (chunk as Buffer).length;
        response.end(`got ${size}`);
      }),
    );
    const client = await fleet.connect();
    client.socket.write('PUT / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 20\r\n\r\n');
    await client.until('100 Continue');
    await reached;
    client.socket.write('0123456789');
    fleet.drain.begin('stop');
    await new Promise((resolve) => setImmediate(() => setImmediate(() => setImmediate(resolve))));
    client.socket.write('0123456789');
    expect(await client.end).toMatch(/Connection: close[\s\S]*got 20$/);
    await fleet.finished();
  });

  test(`W4 ${kind}: half a request received when the drain begins is completed and answered`, async () => {
    await using fleet = await serve(make((_request, response) => response.end('ok')));
    const client = await fleet.connect();
    client.socket.write(get());
    await client.until('ok');
    client.socket.write('GET /half HTTP/1.1\r\nHost: loc');
    // Until the server has read it: a complete request on another connection comes after it.
    const other = await fleet.connect();
    other.socket.write(get());
    await other.until('ok');
    fleet.drain.begin('stop');
    await other.end;
    client.socket.write('alhost\r\n\r\n');
    expect(await client.end).toMatch(/keep-alive[\s\S]*Connection: close[\s\S]*ok$/);
    await fleet.finished();
  });

  test(`W4 ${kind}: HEAD and 304 answers without a body are answered and closed`, async () => {
    const responses: ServerResponse[] = [];
    const { reached, reach } = gate<void>();
    await using fleet = await serve(
      make((_request, response) => {
        if (responses.push(response) === 2) reach();
      }),
    );
    const [head, unmodified] = [await fleet.connect(), await fleet.connect()];
    head.socket.write('HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    unmodified.socket.write(get());
    await reached;
    fleet.drain.begin('stop');
    for (const response of responses) response.writeHead(304).end();
    for (const client of [head, unmodified])
      expect(await client.end).toMatch(/304[\s\S]*Connection: close[\s\S]*\r\n\r\n$/);
    await fleet.finished();
  });

  test(`${kind}: an upgraded connection stays until the app ends it`, async () => {
    const server = make();
    server.on('upgrade', (_request, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
      socket.pipe(socket);
    });
    await using fleet = await serve(server);
    const client = await fleet.connect();
    client.socket.write(get('/', 'Connection: Upgrade\r\nUpgrade: echo\r\n'));
    await client.until('101');
    fleet.drain.begin('stop');
    await new Promise((resolve) => setTimeout(resolve, 20));
    client.socket.write('still here');
    await client.until('still here');
    expect(fleet.drain.connections).toBe(1);
    client.socket.end();
    await client.end;
    await fleet.finished();
  });

  test(`${kind}: a server that the app closes itself drains all the same`, async () => {
    const { reached, reach } = gate<ServerResponse>();
    await using fleet = await serve(make((_request, response) => reach(response)));
    const client = await fleet.connect();
    client.socket.write(get());
    const response = await reached;
    const closed = once(fleet.server, 'close');
    fleet.server.close();
    fleet.drain.begin('stop');
    fleet.server.close();
    response.end('done');
    expect(await client.end).toMatch(/Connection: close[\s\S]*done$/);
    await fleet.finished();
    await closed;
  });

  test(`${kind}: on replacement idle connections are kept until their next request, which gets Connection: close`, async () => {
    await using fleet = await serve(make((_request, response) => response.end('ok')));
    const [idle, silent, left] = [await fleet.connect(), await fleet.connect(), await fleet.connect()];
    idle.socket.write(get());
    await idle.until('ok');
    fleet.drain.begin('replace');
    silent.socket.write(get());
    expect(await silent.end).toMatch(/Connection: close[\s\S]*ok$/);
    idle.socket.write(get());
    expect(await idle.end).toMatch(/keep-alive[\s\S]*Connection: close[\s\S]*ok$/);
    await eventually(() => fleet.drain.connections === 1, { what: 'both answered connections are gone' });
    fleet.drain.begin('stop');
    expect(await left.end).toBe('');
    await fleet.finished();
  });

  test(`N5b ${kind}: a header the app sets by itself, of a request that was under way, does not keep the connection open`, async () => {
    const { reached, reach } = gate<ServerResponse>();
    await using fleet = await serve(make((_request, response) => reach(response)));
    const client = await fleet.connect();
    client.socket.write(get());
    const response = await reached;
    fleet.drain.begin('stop');
    response.writeHead(200, { Connection: 'keep-alive' });
    response.end('mine');
    expect(await client.end).toMatch(/^HTTP\/1\.1 200 OK\r\nConnection: close\r\n[\s\S]*mine/);
    await fleet.finished();
  });

  test(`${kind}: the deadline cuts an answer that never ends`, async () => {
    const { reached, reach } = gate<ServerResponse>();
    await using fleet = await serve(
      make((_request, response) => {
        response.write('endless');
        reach(response);
      }),
    );
    const client = await fleet.connect();
    client.socket.write(get());
    await reached;
    await client.until('endless');
    fleet.drain.begin('stop');
    fleet.drain.destroy();
    await client.end;
    await fleet.finished();
  });
}
