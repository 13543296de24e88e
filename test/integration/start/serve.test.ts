import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import {
  connectRaw,
  http2Get,
  httpGet,
  isRoot,
  type Master,
  openFds,
  startMaster,
  startReadyFleet,
  target,
  testWhen,
  tlsMaterial,
} from '../../helpers/index.js';

const { keyFile, certFile, key, cert } = tlsMaterial();

async function stops(master: Master): Promise<void> {
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
}

test('C6a serve receives an adopted listener: the socket of the master, with its name and address', async () => {
  const listen = ['127.0.0.1:0', { host: '::1', port: 0, name: 'six' }];
  const { master, pids, addresses } = await startReadyFleet({ options: { listen } });
  for (const pid of pids) {
    const { listener, listeners } = await master.event('serve', { where: (event) => event['pid'] === pid });
    expect(listener).toEqual(listeners[0]);
    for (const [index, address] of addresses.entries()) expect(listeners[index]).toMatchObject(address);
    expect(listeners).toHaveLength(addresses.length);
    if (target.lacks.descriptors !== undefined) continue;
    expect(listeners).toEqual(addresses.map((address, index) => ({ ...address, fd: 3 + index })));
    const ofMaster = [...openFds(master.pid).values()];
    for (const { fd } of listeners) expect(ofMaster).toContain(openFds(pid).get(fd));
  }
  expect(pids).toContain((await httpGet({ port: addresses[0]?.port })).json().pid);
  await stops(master);
});

test('C6b with TLS from files key and certificate are not swapped', async () => {
  const { master, port, pids } = await startReadyFleet({ serve: 'https', options: { tls: { keyFile, certFile } } });
  const answer = await httpGet({ port, ca: cert });
  expect(pids).toContain(answer.json().pid);
  expect(await certificateOf(port)).toBe(new X509Certificate(cert).fingerprint256);
  await stops(master);
});

testWhen(
  isRoot,
  'needs root',
  'uids',
)('C6b with TLS from files a worker with uid needs no right to them: the master reads them', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-tls-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const private_ = { keyFile: join(folder, 'key.pem'), certFile: join(folder, 'cert.pem') };
  writeFileSync(private_.keyFile, key, { mode: 0o600 });
  writeFileSync(private_.certFile, cert, { mode: 0o600 });
  const options = { tls: private_, workers: 1, uid: 65_534, gid: 65_534 };
  const { master, port, pids } = await startReadyFleet({ serve: 'https', options });
  expect(readFileSync(`/proc/${pids[0]}/status`, 'utf8')).toMatch(/^Uid:\t65534\t65534\t65534\t65534$/m);
  expect((await httpGet({ port, ca: cert })).json().pid).toBe(pids[0]);
  await stops(master);
});

test('C6c with TLS from memory the same bytes arrive, and every worker has the same ticket keys', async () => {
  // Line ends of Windows, a comment and no line feed at the end: valid, and easily lost on the way.
  const unusual = `# my key\r\n${key.replaceAll('\n', '\r\n').trimEnd()}`;
  const args = [unusual, cert].map((text) => Buffer.from(text).toString('base64'));
  const master = startMaster('reports-tls', { args });
  await master.event('onMasterReady');
  const [given, ...arrived] = master.events('material');
  expect(given?.['child']).toBe(false);
  expect(arrived).toHaveLength(2);
  for (const { key, cert, ca, minVersion } of arrived) {
    expect({ key, cert, ca, minVersion }).toEqual({
      key: given?.['key'],
      cert: given?.['cert'],
      ca: given?.['ca'],
      minVersion: 'TLSv1.3',
    });
  }
  expect(given?.['key']).not.toBe(given?.['cert']);
  expect(arrived[0]?.['ticketKeys']).toMatch(/^[0-9a-f]{64}$/);
  expect(arrived[1]?.['ticketKeys']).toBe(arrived[0]?.['ticketKeys']);
  const { port } = await master.event('serve');
  expect((await httpGet({ port, ca: cert })).status).toBe(200);
  await stops(master);
});

const said = async (request: Promise<{ json<T>(): T }>): Promise<number> => (await request).json<{ pid: number }>().pid;

test.each<[string, boolean, (port: number) => Promise<number>]>([
  ['net', false, (port) => greeting(port)],
  ['http', false, (port) => said(httpGet({ port }))],
  ['https', true, (port) => said(httpGet({ port, ca: cert }))],
  ['http2', false, (port) => said(http2Get({ port }))],
  ['http2', true, (port) => said(http2Get({ port, ca: cert }))],
])('C16 serve may be a %s server (TLS: %s), on several addresses', async (kind, secure, answeringPid) => {
  const options = { listen: ['127.0.0.1:0', '127.0.0.1:0'], ...(secure && { tls: { key, cert } }) };
  const { master, pids, addresses } = await startReadyFleet({ serve: `ready-made ${kind}`, options });
  for (const { port } of addresses) expect(pids).toContain(await answeringPid(port as number));
  await stops(master);
});

async function greeting(port: number): Promise<number> {
  const connection = await connectRaw({ port });
  const text = await connection.until('\n');
  connection.write('echo');
  await connection.until('echo');
  connection.close();
  return Number.parseInt(text, 10);
}

function certificateOf(port: number): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({ port, host: '127.0.0.1', ca: cert, servername: 'localhost' }, () => {
      resolve(socket.getPeerX509Certificate()?.fingerprint256);
      socket.destroy();
    }).on('error', reject);
  });
}
