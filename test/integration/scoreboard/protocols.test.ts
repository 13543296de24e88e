import { connect as connectHttp2 } from 'node:http2';
import { Agent as SecureAgent } from 'node:https';
import { connect as connectTls } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import type { FleetReading, SlotReading } from '../../../lib/types.js';
import { connectRaw, eventually, httpGet, type Master, startReadyFleet, tlsMaterial } from '../../helpers/index.js';

/** The only worker, once it has these numbers. */
async function counts(master: Master, expected: Partial<SlotReading>): Promise<SlotReading> {
  let last: SlotReading | undefined;
  const holds = async (): Promise<SlotReading | false> => {
    const { workers }: FleetReading = await master.call('metrics');
    [last] = workers;
    return (
      last !== undefined &&
      Object.entries(expected).every(([key, value]) => Reflect.get(last as object, key) === value) &&
      last
    );
  };
  return await eventually(holds, { what: JSON.stringify(expected) }).catch(() => {
    expect(last).toMatchObject(expected);
    throw new Error('unreachable');
  });
}

const { key, cert } = tlsMaterial();
const ca = cert;

const start = (serve: string, tls = false) =>
  startReadyFleet({
    serve,
    options: { workers: 1, ...(tls && { tls: { key, cert } }) },
  });

test('M5 HTTP/1: kept connections, pipelined requests, and clients that go away before the answer', async () => {
  const { master, port } = await start('http that keeps');
  await counts(master, { counted: true, acceptedTotal: 0, requestsTotal: 0, connections: 0, activeRequests: 0 });
  const client = await connectRaw({ port });
  client.write('GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n');
  await client.until('/b');
  await counts(master, { acceptedTotal: 1, requestsTotal: 2, connections: 1, activeRequests: 0 });
  client.write('GET /hang HTTP/1.1\r\nHost: x\r\n\r\n');
  await counts(master, { acceptedTotal: 1, requestsTotal: 3, connections: 1, activeRequests: 1 });
  client.close();
  await counts(master, { acceptedTotal: 1, requestsTotal: 3, connections: 0, activeRequests: 0 });
  master.kill('SIGTERM');
  await master.gone();
});

test('M5 HTTPS', async () => {
  const { master, port } = await start('https that keeps', true);
  const agent = new SecureAgent({ keepAlive: true, ca, servername: 'localhost' });
  onTestFinished(() => agent.destroy());
  for (let i = 0; i < 3; i++) await httpGet({ port, ca, agent });
  await counts(master, { acceptedTotal: 1, requestsTotal: 3, connections: 1, activeRequests: 0 });
  const socket = connectTls({ port, host: '127.0.0.1', ca, servername: 'localhost' });
  socket.on('error', () => {});
  socket.write('GET /hang HTTP/1.1\r\nHost: x\r\n\r\n');
  await counts(master, { acceptedTotal: 2, requestsTotal: 4, connections: 2, activeRequests: 1 });
  socket.destroy();
  await counts(master, { acceptedTotal: 2, requestsTotal: 4, connections: 1, activeRequests: 0 });
  master.kill('SIGTERM');
  await master.gone();
});

test.each([
  ['without TLS', false],
  ['with TLS', true],
])('M5 HTTP/2 %s: every stream is a request', async (_title, tls) => {
  const { master, port } = await start('http2', tls);
  const session = connectHttp2(`${tls ? 'https' : 'http'}://127.0.0.1:${port}`, {
    ca,
    servername: 'localhost',
  });
  onTestFinished(() => session.destroy());
  session.on('error', () => {});
  const ask = (path: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const stream = session.request({ ':path': path });
      stream.on('error', reject).on('end', resolve).resume();
    });
  await Promise.all([ask('/a'), ask('/b'), ask('/c')]);
  await counts(master, { acceptedTotal: 1, requestsTotal: 3, connections: 1, activeRequests: 0 });
  ask('/hang').catch(() => {});
  await counts(master, { requestsTotal: 4, activeRequests: 1 });
  session.destroy();
  await counts(master, { acceptedTotal: 1, requestsTotal: 4, connections: 0, activeRequests: 0 });
  master.kill('SIGTERM');
  await master.gone();
});

test('M5 plain TCP: connections are counted, and no requests', async () => {
  const { master, port } = await start('net');
  const client = await connectRaw({ port });
  await client.until('\n');
  await counts(master, { acceptedTotal: 1, requestsTotal: 0, connections: 1, activeRequests: 0 });
  client.close();
  await counts(master, { acceptedTotal: 1, connections: 0 });
  master.kill('SIGTERM');
  await master.gone();
});
