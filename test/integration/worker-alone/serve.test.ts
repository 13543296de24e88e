import { once } from 'node:events';
import http2 from 'node:http2';
import { connect as connectTls } from 'node:tls';
import { expect, test } from 'vitest';
import { linux } from '../../../lib/addon/narrow.cjs';
import { native } from '../../helpers/addon.js';
import { connectRaw, eventually, httpGet, tlsMaterial } from '../../helpers/index.js';
import type { LoneWorker } from './lone-worker.js';
import { startLoneWorker } from './lone-worker.js';

const { key, cert, keyFile, certFile } = tlsMaterial();

/** A program whose server answers with its own kind; `make` is the expression of that server. */
function program(make: string, serve: 'object' | 'function'): string {
  return `
    import http from 'node:http'; import https from 'node:https'; import http2 from 'node:http2';
    import net from 'node:net'; import tls from 'node:tls'; import { readFileSync } from 'node:fs';
    import { prefork } from 'prefork';
    const answer = (request, response) => response.end('served');
    const files = { key: readFileSync(${JSON.stringify(keyFile)}), cert: readFileSync(${JSON.stringify(certFile)}) };
    const make = () => ${make};
    await prefork({ name: 'lone', listen: ['127.0.0.1:0', '127.0.0.1:0'],
      serve: ${serve === 'object' ? 'make()' : '(first, { listeners }) => listeners.map((listener) => make().listen(listener))'} });`;
}

async function overHttp2(url: string): Promise<string> {
  const client = http2.connect(url, { ca: cert, servername: 'localhost' });
  try {
    const stream = client.request({ ':path': '/' }).setEncoding('utf8');
    let text = '';
    for await (const chunk of stream) text += chunk as string;
    return text;
  } finally {
    client.destroy();
  }
}

async function overTcp(port: number): Promise<string> {
  const client = await connectRaw({ port });
  try {
    return await client.until('served');
  } finally {
    client.close();
  }
}

async function overTls(port: number): Promise<string> {
  const socket = connectTls({ port, host: '127.0.0.1', ca: cert, servername: 'localhost' }).setEncoding('utf8');
  const [text] = (await once(socket, 'data')) as [string];
  socket.destroy();
  return text;
}

const kinds = [
  { kind: 'net', make: "net.createServer((socket) => socket.end('served'))", ask: overTcp },
  { kind: 'tls', make: "tls.createServer(files, (socket) => socket.end('served'))", ask: overTls },
  { kind: 'http', make: 'http.createServer(answer)', ask: async (port: number) => (await httpGet({ port })).body },
  {
    kind: 'https',
    make: 'https.createServer(files, answer)',
    ask: async (port: number) => (await httpGet({ port, ca: cert })).body,
  },
  { kind: 'http2', make: 'http2.createServer(answer)', ask: (port: number) => overHttp2(`http://127.0.0.1:${port}`) },
  {
    kind: 'http2 over TLS',
    make: 'http2.createSecureServer(files, answer)',
    ask: (port: number) => overHttp2(`https://127.0.0.1:${port}`),
  },
] as const;

async function drainedWell(worker: LoneWorker): Promise<void> {
  worker.send({ type: 'drain', reason: 'stop', timeout: 10_000 });
  expect(await worker.exited).toEqual({ code: 0, signal: null });
  expect(worker.stderr()).toBe('');
}

for (const { kind, make, ask } of kinds) {
  test(`C16 a ready-made ${kind} server serves every address, keeps the backlog and drains`, async () => {
    await using worker = await startLoneWorker({ program: program(make, 'object'), listeners: 2 });
    await worker.message('became-ready');
    for (const { port } of worker.wires) expect(await ask(port as number)).toBe('served');
    // The listeners of the test were opened with 100; Node would have made it 511.
    for (const fd of worker.listenerFds) expect(linux(native).queueDepth(fd).limit).toBe(77);
    await drainedWell(worker);
  });

  test(`C6a a ${kind} server made by serve listens on an adopted listener, one for each address`, async () => {
    await using worker = await startLoneWorker({ program: program(make, 'function'), listeners: 2 });
    await worker.message('became-ready');
    for (const { port } of worker.wires) expect(await ask(port as number)).toBe('served');
    for (const fd of worker.listenerFds) expect(linux(native).queueDepth(fd).limit).toBe(77);
    await drainedWell(worker);
  });
}

test('a worker that listens puts the backlog back at once, long before it is ready: its queue is that of the whole fleet', async () => {
  await using worker = await startLoneWorker({
    program: `
      import net from 'node:net';
      import { prefork } from 'prefork';
      await prefork({ name: 'lone', listen: '127.0.0.1:0', async serve(listener) {
        net.createServer().listen(listener);
        process.stdout.write('listens');
        await new Promise(() => setInterval(() => {}, 1_000));
      } });`,
  });
  await eventually(() => worker.stdout() === 'listens', { within: 20_000 });
  expect(worker.listenerFds.map((fd) => linux(native).queueDepth(fd).limit)).toEqual([77]);
  expect(worker.messages.some(({ type }) => type === 'became-ready')).toBe(false);
});

for (const { kind, make, ask } of kinds.filter(({ kind }) => /https|TLS/.test(kind))) {
  test(`C6c the certificates of the master reach a ready-made ${kind} server and worker.tls`, async () => {
    const bare = make.replace('files', '{}');
    await using worker = await startLoneWorker({
      program: program(bare, 'object').replace("name: 'lone',", `name: 'lone', tls: files,`),
      listeners: 2,
      tls: { key: Buffer.from(key), cert, ticketKeys: Buffer.alloc(48, 7) },
    });
    await worker.message('became-ready');
    for (const { port } of worker.wires) expect(await ask(port as number)).toBe('served');
    await drainedWell(worker);
  });
}

test('worker.tls holds the bytes that the master sent, Buffers as Buffers', async () => {
  const ticketKeys = Buffer.from(Array.from({ length: 48 }, (_, i) => i * 5));
  await using worker = await startLoneWorker({
    program: `
      import { currentWorker, prefork } from 'prefork';
      await prefork({ name: 'lone', listen: 0, serve: (listener, worker) => {
        const { tls, id, generation, masterPid, listeners } = worker;
        const keys = Buffer.isBuffer(tls.ticketKeys) && tls.ticketKeys.toString('hex');
        worker.send({ key: tls.key, keys, id, generation, masterPid, listeners, same: worker === currentWorker() });
        return new Promise(() => {});
      } });`,
    tls: { key, cert, ticketKeys },
  });
  const message = await worker.message('message');
  const [{ name, family, address, port }] = worker.wires as [(typeof worker.wires)[0]];
  expect(message.data).toEqual({
    key,
    keys: ticketKeys.toString('hex'),
    id: 2,
    generation: 1,
    masterPid: process.pid,
    same: true,
    listeners: [{ fd: 3, name, family, address, port }],
  });
});
