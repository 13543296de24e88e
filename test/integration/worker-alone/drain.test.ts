import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import {
  connectRaw,
  eventually,
  httpGet,
  isAlive,
  patience,
  type RawConnection,
  sendSignal,
} from '../../helpers/index.js';
import { httpProgram, startLoneWorker } from './lone-worker.js';

/** A pid that no process has: the watch of the worker goes by the control channel alone, which the test can hang up. */
const byChannel = { PREFORK_MASTER_PID: '999999999' };
const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
const saysAborted = httpProgram(
  '',
  // For ever, also where the worker stands still.
  'request.socket.server.keepAliveTimeout = 0; ' +
    "currentWorker().signal.addEventListener('abort', () => console.log('aborted')); response.end('ok')",
);

/** Answers `/` at once and everything else when the worker gets a message. */
const slow =
  "if (request.url === '/') response.end('ok'); else currentWorker().on('message', () => response.end('slow'));";

/** A connection that is kept after its first answer. */
async function answeredClient(port: number): Promise<RawConnection> {
  const client = await connectRaw({ port });
  client.write(GET);
  await client.until('ok');
  return client;
}

test('W4 a drain answers the requests in flight, runs the code behind prefork() and ends the process with code 0', async () => {
  await using worker = await startLoneWorker({
    program: httpProgram(
      'onMasterDeath: false,',
      `currentWorker().signal.addEventListener('abort', () => console.log('aborted')); currentWorker().send('in flight'); ${slow}`,
    ),
  });
  await worker.message('became-ready');
  const idle = await connectRaw({ port: worker.port });
  const answer = httpGet({ port: worker.port, path: '/slow' });
  await worker.message('message');
  worker.send({ type: 'drain', reason: 'stop', timeout: 10_000 });
  expect(await idle.ended()).toBeUndefined();
  await eventually(() => worker.stdout() === 'aborted\n', { what: 'the signal is aborted' });
  worker.send({ type: 'message', data: 'go on' });
  expect(await answer).toMatchObject({ body: 'slow', headers: { connection: 'close' } });
  expect(await worker.exited).toEqual({ code: 0, signal: null });
  expect(worker.stdout()).toBe('aborted\nsettled\n');
  expect(worker.stderr()).toBe('');
});

test('a ready worker drains on SIGTERM and reports it to the master, and the app hears it too', async () => {
  await using worker = await startLoneWorker({
    program: httpProgram('', "response.end('ok')", "process.on('SIGTERM', () => console.log('heard'));"),
  });
  await worker.message('became-ready');
  sendSignal(worker.pid, 'SIGTERM');
  expect(await worker.message('began-draining')).toEqual({ type: 'began-draining', signal: 'SIGTERM' });
  expect(await worker.exited).toEqual({ code: 0, signal: null });
  expect(worker.stdout()).toBe('heard\nsettled\n');
});

test('a worker that drains on a signal waits for the word of its master, which may have got it as well, and accepts until then', async () => {
  await using worker = await startLoneWorker({ program: httpProgram(), says: false });
  await worker.message('became-ready');
  sendSignal(worker.pid, 'SIGTERM');
  await worker.message('began-draining');
  await delay(400); // a master that gets no CPU for as long
  expect((await httpGet({ port: worker.port })).body).toBe('ok');
  worker.send({ type: 'alone' });
  expect(await worker.exited).toEqual({ code: 0, signal: null });
});

test("the terminal's signals do not end a worker, booting or ready; SIGTERM ends one that boots", async () => {
  const program = `setInterval(() => {}, 1000); process.send?.(1); console.log('up');`;
  await using booting = await startLoneWorker({ program });
  await eventually(() => booting.stdout() === 'up\n');
  for (const signal of ['SIGINT', 'SIGHUP', 'SIGQUIT'] as const) sendSignal(booting.pid, signal);
  await using ready = await startLoneWorker({ program: httpProgram() });
  await ready.message('became-ready');
  for (const signal of ['SIGINT', 'SIGHUP', 'SIGQUIT'] as const) sendSignal(ready.pid, signal);
  expect((await httpGet({ port: ready.port })).body).toBe('ok');
  expect(isAlive(booting.pid)).toBe(true);
  sendSignal(booting.pid, 'SIGTERM');
  expect(await booting.exited).toEqual({ code: null, signal: 'SIGTERM' });
});

test('a worker that is asked to drain while serve is pending ends at once', async () => {
  const program = `import { prefork } from 'prefork'; setInterval(() => {}, 1000);
    await prefork({ name: 'lone', listen: 0, serve: (_, worker) => { worker.send('pending'); return new Promise(() => {}); } });`;
  for (const how of ['message', 'signal'] as const) {
    await using worker = await startLoneWorker({ program });
    await worker.message('message');
    if (how === 'message') worker.send({ type: 'drain', reason: 'stop', timeout: 60_000 });
    else sendSignal(worker.pid, 'SIGTERM');
    expect(await worker.exited).toEqual({ code: 0, signal: null });
  }
});

test('a connection that a booting worker has accepted is answered although the drain came before ready', async () => {
  const program = `
    import { createServer } from 'node:http';
    import { prefork } from 'prefork';
    await prefork({ name: 'lone', listen: 0, serve: (listener, worker) => new Promise((resolve) => {
      const server = createServer((_, response) => {
        worker.send('accepted');
        worker.signal.addEventListener('abort', () => { resolve(server); setTimeout(() => response.end('ok'), 20); });
      }).listen(listener);
    }) });`;
  await using worker = await startLoneWorker({ program });
  const answer = httpGet({ port: worker.port });
  await worker.message('message');
  worker.send({ type: 'drain', reason: 'stop', timeout: 10_000 });
  expect((await answer).body).toBe('ok');
  expect(await worker.exited).toEqual({ code: 0, signal: null });
  expect(worker.messages.some(({ type }) => type === 'became-ready')).toBe(false);
});

for (const where of ['on a listener of the fleet', 'on a port of its own'] as const) {
  test(`a worker whose serve never returns ends with the last connection that it has accepted ${where}, long before the deadline`, async () => {
    const program = `
      import { createServer } from 'node:http';
      import { prefork } from 'prefork';
      await prefork({ name: 'lone', listen: 0, serve: (listener, worker) => new Promise(() => {
        setInterval(() => {}, 1_000);
        const server = createServer((request, response) => {
          worker.send('accepted');
          worker.on('message', () => response.end('ok'));
        });
        server.listen(${where === 'on a port of its own' ? "0, '127.0.0.1'" : 'listener'}, () => worker.send(server.address().port));
      }) });
      console.log('settled');`;
    for (const how of ['message', 'signal'] as const) {
      await using worker = await startLoneWorker({ program });
      const said = (): unknown[] => worker.messages.flatMap((one) => (one.type === 'message' ? [one.data] : []));
      await eventually(() => said().length === 1, { what: 'it listens' });
      const answer = httpGet({ port: Number(said()[0]) });
      await eventually(() => said().includes('accepted'), { what: 'it has accepted' });
      if (how === 'message') worker.send({ type: 'drain', reason: 'stop', timeout: 60_000 });
      else sendSignal(worker.pid, 'SIGTERM');
      worker.send({ type: 'message', data: 'answer' });
      expect((await answer).body).toBe('ok');
      expect(await worker.exited).toEqual({ code: 0, signal: null });
      expect(worker.stdout() + worker.stderr()).toBe('');
    }
  });
}

// The native deadline comes 250 ms later: a worker that gets no CPU for as long says nothing.
test('W4 the deadline cuts a stream, says what kept the worker and ends it with code 0', { retry: 2 }, async () => {
  await using worker = await startLoneWorker({ program: httpProgram('', "response.write('endless')") });
  await worker.message('became-ready');
  const client = await connectRaw({ port: worker.port });
  client.write(GET);
  await client.until('endless');
  worker.send({ type: 'drain', reason: 'stop', timeout: 100 });
  await client.ended();
  expect(await worker.exited).toEqual({ code: 0, signal: null });
  expect(worker.stderr()).toMatch(
    /prefork\[lone\] worker 2 \(pid \d+, generation 1\): not done 100 ms after the drain began: 1 connection open; .*TCPSocketWrap/,
  );
});

// The native deadline comes 250 ms later: a worker that gets no CPU for as long says nothing.
test('the deadline also ends a process that the app keeps alive after the drain, and names what does', {
  retry: 2,
}, async () => {
  await using worker = await startLoneWorker({
    program: httpProgram('', "response.end('ok')", '', 'setInterval(() => {}, 1000);'),
  });
  await worker.message('became-ready');
  worker.send({ type: 'drain', reason: 'stop', timeout: 200 });
  expect(await worker.exited).toEqual({ code: 0, signal: null });
  expect(worker.stdout()).toBe('settled\n');
  expect(worker.stderr()).toMatch(/0 connections open; .*1 Timeout/);
});

test('the deadline ends a worker whose event loop is blocked', async () => {
  await using worker = await startLoneWorker({
    program: httpProgram('', "response.end('ok')", '', 'for (;;);'),
  });
  await worker.message('became-ready');
  worker.send({ type: 'drain', reason: 'stop', timeout: 100 });
  expect(await worker.exited).toEqual({ code: 0, signal: null });
});

test('a drain for replacement keeps idle connections, and can become a stop with a new deadline', async () => {
  await using worker = await startLoneWorker({ program: saysAborted });
  await worker.message('became-ready');
  const [used, idle] = [await answeredClient(worker.port), await answeredClient(worker.port)];
  worker.send({ type: 'drain', reason: 'replace', timeout: 60_000 });
  await eventually(() => worker.stdout().includes('aborted'), { what: 'the drain has begun' });
  used.write(GET);
  await used.until('Connection: close');
  expect(await used.ended()).toBeUndefined();
  worker.send({ type: 'drain', reason: 'stop', timeout: 5_000 });
  expect(await idle.ended()).toBeUndefined();
  expect(await worker.exited).toEqual({ code: 0, signal: null });
});

test('messages of the master wait for the first listener and arrive in order', async () => {
  const program = httpProgram(
    '',
    `if (request.url === '/') response.end('ok');
     else { currentWorker().on('message', (message) => currentWorker().send({ got: message })); response.end(); }`,
  );
  await using worker = await startLoneWorker({ program });
  for (const data of ['before ready', { n: 1 }]) worker.send({ type: 'message', data });
  await worker.message('became-ready');
  worker.send({ type: 'message', data: [2] });
  // Each sent before the listener is there: the answer to the request comes after it was attached.
  await httpGet({ port: worker.port, path: '/listen' });
  worker.send({ type: 'message', data: null });
  await eventually(() => worker.messages.length === 5);
  expect(worker.messages.slice(1)).toEqual(
    ['before ready', { n: 1 }, [2], null].map((got) => ({ type: 'message', data: { got } })),
  );
});

test('W20 a worker that lost its master drains its connections, and exits with 1', async () => {
  const accepted = `currentWorker().send('in flight'); currentWorker().signal.addEventListener('abort', () => setTimeout(() => response.end('late'), 50))`;
  await using worker = await startLoneWorker({ program: httpProgram('', accepted), env: byChannel });
  await worker.message('became-ready');
  const answer = httpGet({ port: worker.port });
  await worker.message('message');
  worker.hangUp();
  expect((await answer).body).toBe('late');
  expect(await worker.exited).toEqual({ code: 1, signal: null });
  expect(worker.stdout()).toBe('settled\n');
  expect(worker.stderr()).toContain('the master died; draining');
});

test('W20 process.exit(0) of the app does not hide that the master was lost', async () => {
  await using worker = await startLoneWorker({
    program: httpProgram('', "response.end('ok')", '', 'process.exit(0);'),
    env: byChannel,
  });
  await worker.message('became-ready');
  worker.hangUp();
  expect(await worker.exited).toEqual({ code: 1, signal: null });
});

for (const { what, hook, stdout, stderr, code } of [
  {
    what: 'runs in the worker',
    hook: "console.log('hook')",
    stdout: 'hook\n',
    stderr: /running onMasterDeath/,
    code: 1,
  },
  {
    what: 'may choose the exit code',
    hook: 'process.exitCode = 9',
    stdout: '',
    stderr: /running onMasterDeath/,
    code: 9,
  },
  {
    what: 'that throws ends the worker',
    hook: "throw new Error('hook failed')",
    stdout: '',
    stderr: /Error: hook failed/,
    code: 1,
  },
  {
    what: 'that never settles is ended after the grace',
    hook: 'await new Promise(() => {})',
    stdout: '',
    stderr: /200 ms of grace are over/,
    code: 1,
  },
  {
    what: 'that blocks is ended after the grace',
    hook: 'for (;;);',
    stdout: '',
    stderr: /200 ms of grace are over/,
    code: 1,
  },
]) {
  test(`onMasterDeath ${what}`, async () => {
    await using worker = await startLoneWorker({
      program: httpProgram(
        `shutdownGracePeriod: ${/never|blocks/.test(what) ? 200 : 20_000}, onMasterDeath: async () => { ${hook} },`,
      ),
      env: byChannel,
    });
    await worker.message('became-ready');
    worker.hangUp();
    expect(await worker.exited).toEqual({ code, signal: null });
    expect(worker.stdout()).toBe(stdout);
    expect(worker.stderr()).toMatch(stderr);
  });
}

test("onMasterDeath: 'kill' ends the worker at once, and before prefork() that is so for every worker", async () => {
  await using killed = await startLoneWorker({
    program: httpProgram("onMasterDeath: 'kill', shutdownGracePeriod: 60_000,", "response.end('ok')", '', 'for (;;);'),
    env: byChannel,
  });
  await killed.message('became-ready');
  await using booting = await startLoneWorker({ program: "console.log('up'); for (;;);", env: byChannel });
  await eventually(() => booting.stdout() === 'up\n');
  for (const worker of [killed, booting]) {
    worker.hangUp();
    expect(await worker.exited).toEqual({ code: 1, signal: null });
    expect(worker.stdout()).not.toContain('settled');
  }
});

test('a worker that stood still when its drain had to end answers what has arrived meanwhile, and then ends by itself', async () => {
  await using worker = await startLoneWorker({ program: saysAborted });
  await worker.message('became-ready');
  const [used, idle] = [await answeredClient(worker.port), await answeredClient(worker.port)];
  const timeout = patience(6_000);
  worker.send({ type: 'drain', reason: 'replace', timeout });
  await eventually(() => worker.stdout().includes('aborted'), { what: 'the drain has begun' });
  sendSignal(worker.pid, 'SIGSTOP');
  used.write(GET);
  // The deadline passes while nothing of the worker runs.
  await delay(timeout + 1_000);
  sendSignal(worker.pid, 'SIGCONT');
  expect(await used.ended()).toBeUndefined();
  expect(await idle.ended()).toBeUndefined();
  expect(used.received).toMatch(/ok[\s\S]*Connection: close[\s\S]*ok$/);
  expect(await worker.exited).toEqual({ code: 0, signal: null });
  expect(worker.stderr()).toContain('ended 1 idle connection at the end');
  expect(worker.stderr()).not.toContain('has not ended by itself');
});

test('onMasterDeath: false lets the worker serve on without its master', async () => {
  await using worker = await startLoneWorker({ program: httpProgram('onMasterDeath: false,'), env: byChannel });
  await worker.message('became-ready');
  worker.hangUp();
  for (let i = 0; i < 5; i++) expect((await httpGet({ port: worker.port })).body).toBe('ok');
  sendSignal(worker.pid, 'SIGTERM');
  expect(await worker.exited).toEqual({ code: 0, signal: null });
});
