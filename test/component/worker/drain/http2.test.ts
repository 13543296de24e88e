import { once } from 'node:events';
import type { ClientHttp2Session, ClientHttp2Stream, ServerHttp2Stream } from 'node:http2';
import http2 from 'node:http2';
import net from 'node:net';
import { expect, test } from 'vitest';
import { cert, gate, get, key, serve } from '../../../helpers/drain-helpers.js';
import { bounded, eventually } from '../../../helpers/index.js';

const kinds = [
  { kind: 'http2', scheme: 'http', make: () => http2.createServer() as http2.Http2Server },
  { kind: 'http2 over TLS', scheme: 'https', make: () => http2.createSecureServer({ key, cert, allowHTTP1: true }) },
] as const;

/** A client whose end is awaited: errors of a session that got a GOAWAY are not errors. */
async function session(
  scheme: string,
  port: number,
): Promise<{ client: ClientHttp2Session; closed: Promise<unknown> }> {
  const client = http2.connect(`${scheme}://127.0.0.1:${port}`, { ca: cert, servername: 'localhost' });
  client.on('error', () => {});
  const closed = bounded(new Promise((resolve) => client.once('close', resolve)), 10_000, 'the session ends');
  await once(client, 'remoteSettings');
  return { client, closed };
}

async function answer(stream: ClientHttp2Stream): Promise<string> {
  let text = '';
  stream.setEncoding('utf8');
  for await (const chunk of stream) text += chunk as string;
  return text;
}

for (const { kind, scheme, make } of kinds) {
  test(`W4 ${kind}: streams in flight when a stop begins are answered in full, then the session closes`, async () => {
    const { reached, reach } = gate<ServerHttp2Stream>();
    const server = make();
    server.on('stream', (stream) => reach(stream));
    await using fleet = await serve(server);
    const { client, closed } = await session(scheme, fleet.port);
    const text = answer(client.request({ ':path': '/' }));
    const stream = await reached;
    fleet.drain.begin('stop');
    stream.respond({ ':status': 200 });
    stream.write('x'.repeat(50_000));
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    stream.end('end');
    expect(await text).toBe(`${'x'.repeat(50_000)}end`);
    await closed;
    await fleet.finished();
  });

  test(`W4 ${kind}: a stop closes idle sessions and silent connections at once`, async () => {
    await using fleet = await serve(make());
    const { closed } = await session(scheme, fleet.port);
    const silent = net.connect(fleet.port, '127.0.0.1').on('error', () => {});
    const silentClosed = once(silent, 'close');
    await eventually(() => fleet.drain.connections === 2, { what: 'both are accepted' });
    fleet.drain.begin('stop');
    silent.resume();
    await Promise.all([closed, bounded(silentClosed, 10_000, 'the silent connection ends')]);
    await fleet.finished();
  });

  test(`${kind}: on replacement an idle session is kept until its next stream, and no stream is lost`, async () => {
    const server = make();
    server.on('stream', (stream) => {
      stream.respond({ ':status': 200 });
      stream.end('ok');
    });
    await using fleet = await serve(server);
    const { client, closed } = await session(scheme, fleet.port);
    expect(await answer(client.request())).toBe('ok');
    let leaving = false;
    client.on('goaway', () => {
      leaving = true;
    });
    fleet.drain.begin('replace');
    // A round trip, after which a GOAWAY would have been heard.
    await new Promise<void>((resolve) => client.ping(() => resolve()));
    expect(leaving).toBe(false);
    const texts = await Promise.all([1, 2, 3].map(() => answer(client.request())));
    expect(texts).toEqual(['ok', 'ok', 'ok']);
    await closed;
    expect(leaving).toBe(true);
    await fleet.finished();
  });
}

test('W4 http2 with allowHTTP1: HTTP/1 connections drain like those of https', async () => {
  const { reached, reach } = gate<http2.Http2ServerResponse>();
  const server = http2.createSecureServer({ key, cert, allowHTTP1: true }, (request, response) => {
    if (request.url === '/slow') reach(response);
    else response.end('ok');
  });
  await using fleet = await serve(server);
  const [busy, idle, silent] = [await fleet.connect(), await fleet.connect(), await fleet.connect()];
  idle.socket.write(get());
  await idle.until('ok');
  busy.socket.write(get('/slow'));
  const response = await reached;
  fleet.drain.begin('stop');
  expect(await idle.end).toMatch(/keep-alive/);
  expect(await silent.end).toBe('');
  response.end('slow');
  expect(await busy.end).toMatch(/Connection: close[\s\S]*slow$/);
  await fleet.finished();
});
