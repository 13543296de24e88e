import { once } from 'node:events';
import http2 from 'node:http2';
import { expect, onTestFinished, test } from 'vitest';
import { bounded, connectRaw, eventually } from '../../helpers/index.js';
import { httpProgram, startLoneWorker } from './lone-worker.js';

const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

/** The native deadline comes 250 ms after the other one: a worker that gets no CPU for as long says nothing, and cuts. */
const LATE = { retry: 2 };

test(
  'L5 connections that are still idle at the deadline of a replacement are ended, which is no reason for a warning',
  LATE,
  async () => {
    await using worker = await startLoneWorker({ program: httpProgram() });
    await worker.message('became-ready');
    const [used, silent] = [await connectRaw({ port: worker.port }), await connectRaw({ port: worker.port })];
    used.write(GET);
    await used.until('ok');
    worker.send({ type: 'drain', reason: 'replace', timeout: 300 });
    for (const client of [used, silent]) expect(await client.ended()).toBeUndefined();
    expect(await worker.exited).toEqual({ code: 0, signal: null });
    expect(worker.stdout()).toBe('settled\n');
    expect(worker.stderr()).toMatch(/: ended 2 idle connections at the end of the 300 ms that the drain had\n$/);
    expect(worker.stderr()).not.toContain('not done');
  },
);

test('L5 HTTP/2 sessions that are still idle at the deadline of a replacement get a GOAWAY', LATE, async () => {
  const program = `
    import { createServer } from 'node:http2';
    import { prefork } from 'prefork';
    await prefork({
      name: 'lone', listen: 0,
      serve: (listener) => createServer((request, response) => response.end('ok')).listen(listener),
    });
    console.log('settled');
  `;
  await using worker = await startLoneWorker({ program });
  await worker.message('became-ready');
  const client = http2.connect(`http://127.0.0.1:${worker.port}`);
  client.on('error', () => {});
  onTestFinished(() => void client.destroy());
  const [goneAway, closed] = [once(client, 'goaway'), once(client, 'close')];
  for (const left of [goneAway, closed]) left.catch(() => {});
  client.request().resume();
  await bounded(once(client, 'remoteSettings'), 10_000, 'the session is there');
  await bounded(new Promise<void>((resolve) => client.ping(() => resolve())), 10_000, 'a ping is answered');
  worker.send({ type: 'drain', reason: 'replace', timeout: 300 });
  expect((await bounded(goneAway, 10_000, 'a GOAWAY comes'))[0]).toBe(http2.constants.NGHTTP2_NO_ERROR);
  await bounded(closed, 10_000, 'the session ends');
  expect(await worker.exited).toEqual({ code: 0, signal: null });
  expect(worker.stdout()).toBe('settled\n');
  expect(worker.stderr()).toMatch(/: ended 1 idle connection at the end of the 300 ms that the drain had\n$/);
});

test('a request that is not answered at the deadline of a replacement is cut, with a warning', LATE, async () => {
  const handler = "if (request.url === '/endless') response.write('endless'); else response.end('ok');";
  await using worker = await startLoneWorker({ program: httpProgram('', handler) });
  await worker.message('became-ready');
  const [busy, idle] = [await connectRaw({ port: worker.port }), await connectRaw({ port: worker.port })];
  busy.write(GET.replace('/', '/endless'));
  await busy.until('endless');
  idle.write(GET);
  await idle.until('ok');
  worker.send({ type: 'drain', reason: 'replace', timeout: 300 });
  for (const client of [busy, idle]) await client.ended();
  expect(await worker.exited).toEqual({ code: 0, signal: null });
  expect(worker.stderr()).toMatch(/: not done 300 ms after the drain began: 1 connection open;/);
});

test('the worker names what the app keeps open after the deadline has ended idle connections', LATE, async () => {
  const program = httpProgram('', "response.end('ok')", '', 'setInterval(() => {}, 1_000);');
  await using worker = await startLoneWorker({ program });
  await worker.message('became-ready');
  const idle = await connectRaw({ port: worker.port });
  idle.write(GET);
  await idle.until('ok');
  worker.send({ type: 'drain', reason: 'replace', timeout: 300 });
  await eventually(() => worker.stdout() === 'settled\n', { what: 'the drain is done' });
  expect(await worker.exited).toEqual({ code: 0, signal: null });
  expect(worker.stderr()).toMatch(/ended 1 idle connection[\s\S]*not done 300 ms .*: 0 connections open; .*1 Timeout/);
});
