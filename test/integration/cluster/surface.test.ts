import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { expect, onTestFinished } from 'vitest';
import { clusterPort, startClustered, startClusterProgram } from '../../helpers/clustered.js';
import { freePort } from '../../helpers/free-port.js';
import { bounded, eventually, httpGet, openFds, tlsMaterial } from '../../helpers/index.js';
import { testOnLinux as test } from '../../helpers/skip.js';

test('after a change of the import the workers of a program of node:cluster listen on one port, before their listen() returns', async () => {
  const fleet = startClustered({ listens: [{ port: 0 }, { port: 0 }] });
  await fleet.event('listening', { nth: 4 });
  const listens = fleet.events('listens');
  expect(listens.map(({ sync }) => sync)).toEqual([true, true, true, true]);
  const ports = new Set(listens.map(({ address }) => address.port));
  expect(ports.size).toBe(2);
  for (const port of ports) expect(fleet.workers()).toContain((await httpGet({ port })).json().pid);
  expect(new Set(fleet.events('listening').map(({ address }) => address.port))).toEqual(ports);
});

test('prefork/cluster is node:cluster in the primary and in a worker, and a worker finds nothing of the package in its flags, variables or signals', async () => {
  const fleet = startClustered({ settings: { execArgv: ['--no-deprecation'] } });
  await clusterPort(fleet);
  expect(await fleet.event('primary')).toMatchObject({ same: true, execArgv: [] });
  const started = [...fleet.events('started')].sort((a, b) => a.id - b.id);
  expect(started).toMatchObject([
    { id: 1, name: 'worker 1' },
    { id: 2, name: 'worker 2' },
  ]);
  for (const worker of started) {
    const nothing = { left: [], signals: [0, 0, 0], execArgv: ['--no-deprecation'] };
    expect(worker).toMatchObject({ shown: [false, false, true, true], ...nothing });
  }
});

test("messages are Node's, with structured clone where it is asked for", async () => {
  const fleet = startClustered({ workers: 1, settings: { serialization: 'advanced' } });
  await clusterPort(fleet, 1);
  expect(await fleet.call('send', 1, { text: 'hello' })).toBe(true);
  expect(await fleet.event('heard')).toMatchObject({ message: { text: 'hello' } });
});

test('no connection passes through the primary, which has no socket of a client and spends no time on it', async () => {
  const fleet = startClustered();
  const port = await clusterPort(fleet);
  await httpGet({ port });
  const sockets = openFds(fleet.pid).size;
  const before = await fleet.call('cpu');
  const begun = performance.now();
  for (let i = 0; i < 20; i++) await Promise.all(Array.from({ length: 50 }, () => httpGet({ port })));
  const seconds = (performance.now() - begun) / 1_000;
  // A primary that hands connections over needs 60 µs for each, and more. This one looks at its queues some times a second.
  expect((await fleet.call('cpu')) - before).toBeLessThan(1_000 * (25 + 5 * seconds));
  expect(openFds(fleet.pid).size).toBe(sockets);
});

test('a path is one for all workers, and gone with the last of them', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'socket');
  const fleet = startClustered({ listens: [{ path }] });
  await fleet.event('listening', { nth: 2 });
  expect(fleet.workers()).toContain((await httpGet({ socketPath: path })).json().pid);
  await fleet.call('disconnect');
  await fleet.event('exit', { nth: 2 });
  await expect(httpGet({ socketPath: path })).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a session of TLS that began in one worker goes on in the other', async () => {
  const { cert } = tlsMaterial();
  const fleet = startClusterProgram('clustered-tls.mjs');
  const port = await clusterPort(fleet);
  const first = await greet({ port, ca: cert });
  const others: Greeted[] = [];
  // Connections that stay are dealt evenly, unless a worker gets no CPU for so long that the other one takes what is for it.
  const other = async (): Promise<boolean> => {
    others.push(await greet({ port, ca: cert, session: first.session }));
    return others.some(({ pid }) => pid !== first.pid);
  };
  await eventually(other, { what: 'the other worker accepts' });
  expect(others.map(({ reused }) => reused)).toEqual(others.map(() => true));
});

test('a socket of UDP is one for all workers, too', async () => {
  const fleet = startClustered({ udp: true });
  const { port } = await fleet.event('udp', { nth: 2 });
  expect(port).toBe((await fleet.event('udp')).port);
});

test("an address that is taken is an 'error' of the server, and the next worker may ask again", async () => {
  const port = await freePort();
  const first = startClustered({ workers: 1, listens: [{ port }] });
  await clusterPort(first, 1);
  const second = startClustered({ workers: 1, listens: [{ port }] });
  expect(await second.event('refused')).toMatchObject({ code: 'EADDRINUSE' });
  await first.call('disconnect');
  await first.event('exit');
  await second.call('fork');
  await second.event('listening');
  await eventually(async () => (await httpGet({ port })).status === 200, { what: 'the second one serves' });
});

interface Greeted {
  readonly pid: number;
  readonly reused: boolean;
  readonly session: Buffer;
}

async function greet({
  port,
  ca,
  session,
}: {
  port: number;
  ca: string;
  session?: Buffer | undefined;
}): Promise<Greeted> {
  const socket = connect({ host: '127.0.0.1', port, ca, servername: 'localhost', ...(session && { session }) });
  const greeted = new Promise<Greeted>((resolve, reject) => {
    socket.on('error', reject);
    let text = '';
    socket.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
      const body = /\{.*\}/.exec(text)?.[0];
      if (body !== undefined) resolve({ ...JSON.parse(body), session: socket.getSession() as Buffer });
    });
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  });
  onTestFinished(() => void socket.destroy());
  return bounded(greeted, 15_000, 'the worker greets');
}
