import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import net from 'node:net';
import tls from 'node:tls';
import { expect, test } from 'vitest';
import { Drain } from '../../../../lib/worker/drain/drain.js';
import { cert, gate, get, key, listenTo, serve } from '../../../helpers/drain-helpers.js';

for (const { kind, make } of [
  { kind: 'net', make: (hear: (socket: net.Socket) => void): net.Server => net.createServer(hear) },
  { kind: 'tls', make: (hear: (socket: net.Socket) => void): net.Server => tls.createServer({ key, cert }, hear) },
]) {
  test(`W4 ${kind}: connections of the app's own protocol, silent ones too, last until the app ends them`, async () => {
    const sockets: net.Socket[] = [];
    const { reached, reach } = gate<void>();
    await using fleet = await serve(
      make((socket) => {
        if (sockets.push(socket) === 2) reach();
      }),
    );
    const [one, two] = [await fleet.connect(), await fleet.connect()];
    await reached;
    fleet.drain.begin('stop');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(fleet.drain.connections).toBe(2);
    for (const socket of sockets) socket.end('bye');
    expect([await one.end, await two.end]).toEqual(['bye', 'bye']);
    await fleet.finished();
  });
}

test('a drain of a server without connections finishes at once and refuses new ones', async () => {
  await using fleet = await serve(net.createServer());
  fleet.drain.begin('stop');
  await fleet.finished();
  await expect(fleet.connect()).rejects.toThrow('ECONNREFUSED');
});

test('a drain that has not begun never finishes, one that began before its server was known drains it', async () => {
  const drain = new Drain();
  const server = http.createServer((_request, response) => response.end('ok'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  // Accepted before the drain knew the server.
  const idle = listenTo(net.connect(port, '127.0.0.1'));
  idle.socket.write(get());
  await idle.until('ok');
  expect(drain.acceptedEarly).toBe(true);
  drain.begin('stop');
  let finished = false;
  const done = drain.finished.then(() => {
    finished = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(finished).toBe(false);
  drain.track(server);
  drain.allTracked();
  expect(await idle.end).toMatch(/keep-alive/);
  await done;
  expect(server.listening).toBe(false);
});

test('connections that were given to a server with emit are drained like its own, and their acceptor stops', async () => {
  const { reached, reach } = gate<http.ServerResponse>();
  const server = http.createServer((_request, response) => reach(response));
  const helper = net.createServer((socket) => server.emit('connection', socket));
  await using fleet = await serve(server);
  fleet.drain.trackAdopter(helper);
  helper.listen(0, '127.0.0.1');
  await once(helper, 'listening');
  const socket = net.connect((helper.address() as AddressInfo).port, '127.0.0.1');
  const client = listenTo(socket);
  client.socket.write(get());
  const response = await reached;
  expect(fleet.drain.connections).toBe(1);
  fleet.drain.begin('stop');
  expect(helper.listening).toBe(false);
  response.end('adopted');
  expect(await client.end).toMatch(/Connection: close[\s\S]*adopted$/);
  await fleet.finished();
});
