import { once } from 'node:events';
import { createServer, Server } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { HostedServers } from '../../../../lib/worker/hosted/servers.js';

async function listen(): Promise<Server> {
  const server = createServer();
  onTestFinished(() => {
    if (server.listening) server.close();
  });
  server.listen(0);
  await once(server, 'listening');
  return server;
}

/** As the drain does. */
function drained(server: Server): void {
  Server.prototype.close.call(server);
}

test('a server that listens for a moment, to find out whether the port is free, does not count as one that serves', async () => {
  const servers = new HostedServers();
  let serving = false;
  const settled = servers.serving().then(() => {
    serving = true;
  });
  const probe = createServer().listen(0, () => probe.close());
  await once(probe, 'close');
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
  expect(serving).toBe(false);
  await listen();
  await settled;
});

test('a program that closes a server which the drain has closed hears of no error, once', async () => {
  const servers = new HostedServers();
  const server = await listen();
  servers.closing();
  drained(server);
  const close = (): Promise<Error | undefined> => new Promise((resolve) => server.close(resolve));
  expect(await close()).toBeUndefined();
  expect(await close()).toMatchObject({ code: 'ERR_SERVER_NOT_RUNNING' });
});

test('a server that the program itself has closed before the drain answers as ever', async () => {
  const servers = new HostedServers();
  const server = await listen();
  drained(server);
  await once(server, 'close');
  servers.closing();
  expect(Object.hasOwn(server, 'close')).toBe(false);
});

test('a close that the program has put in place of the own one of its server is called, and stays in place', async () => {
  const servers = new HostedServers();
  const server = await listen();
  let called = 0;
  const own = (done?: (error?: Error) => void): Server => {
    called++;
    return Server.prototype.close.call(server, done);
  };
  server.close = own;
  servers.closing();
  drained(server);
  await new Promise((resolve) => server.close(resolve));
  expect([called, server.close === own]).toEqual([1, true]);
});
