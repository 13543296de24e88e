import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { eventually, httpGet, openFds } from '../../helpers/index.js';
import { httpProgram, startLoneWorker } from './lone-worker.js';

test('a worker that listens reports ready, and answers requests', async () => {
  await using worker = await startLoneWorker({ program: httpProgram() });
  expect(await worker.message('became-ready')).toEqual({ type: 'became-ready', pid: worker.pid });
  expect((await httpGet({ port: worker.port })).body).toBe('ok');
  expect(worker.messages).toEqual([{ type: 'became-ready', pid: worker.pid }]);
});

test('a worker without the preload prepares itself when prefork() runs', async () => {
  await using worker = await startLoneWorker({ program: httpProgram(), preload: false });
  await worker.message('became-ready');
  expect((await httpGet({ port: worker.port })).body).toBe('ok');
  worker.send({ type: 'drain', reason: 'stop', timeout: 5_000 });
  expect(await worker.exited).toEqual({ code: 0, signal: null });
});

test('W11 a server that listens late delays ready, and ready comes after listening', async () => {
  const program = `
    import { createServer } from 'node:http';
    import { prefork } from 'prefork';
    await prefork({ name: 'lone', listen: 0, serve: async (listener, worker) => {
      worker.send('serving');
      await new Promise((resolve) => worker.on('message', resolve));
      const server = createServer((_, response) => response.end('ok'));
      server.on('listening', () => worker.send('listening'));
      setTimeout(() => server.listen(listener), 50);
      return server;
    } });`;
  await using worker = await startLoneWorker({ program });
  expect(await worker.message('message')).toEqual({ type: 'message', data: 'serving' });
  expect(worker.messages).toHaveLength(1);
  worker.send({ type: 'message', data: 'go on' });
  await worker.message('became-ready');
  expect(worker.messages.map((message) => (message.type === 'message' ? message.data : message.type))).toEqual([
    'serving',
    'listening',
    'became-ready',
  ]);
});

test('a worker whose serve returns nothing is ready when it says so', async () => {
  const program = `
    import { createServer } from 'node:http';
    import { currentWorker, prefork } from 'prefork';
    await prefork({ name: 'lone', listen: 0, serve: (listener) => {
      createServer((_, response) => response.end('ok')).listen(listener, () => currentWorker().ready());
    } });`;
  await using worker = await startLoneWorker({ program });
  await worker.message('became-ready');
  expect((await httpGet({ port: worker.port })).body).toBe('ok');
});

test('the environment is clean and the identity known before user code; children and threads are not workers', async () => {
  const program = httpProgram(
    '',
    'response.end(JSON.stringify(result))',
    `import { execFileSync } from 'node:child_process';
     import { Worker } from 'node:worker_threads';
     const ask = "import('prefork').then(({ isChild }) => console.log(isChild()))";
     const thread = "import { parentPort } from 'node:worker_threads'; import { isChild } from 'prefork'; parentPort.postMessage(isChild())";
     const result = {
       env: Object.keys(process.env).filter((name) => /^(PREFORK_(?!TEST)|LISTEN_)/.test(name)),
       execArgv: process.execArgv,
       isChild: isChild(),
       context: currentWorker() === undefined,
       grandchild: execFileSync(process.execPath, ['-e', ask], { encoding: 'utf8' }).trim(),
       thread: await new Promise((resolve) => new Worker(thread, { eval: true }).on('message', resolve)),
     };`,
  );
  await using worker = await startLoneWorker({ program, execArgv: ['--no-warnings'] });
  await worker.message('became-ready');
  const seen = (await httpGet({ port: worker.port })).json<{ execArgv: string[] }>();
  expect(seen).toMatchObject({ env: [], isChild: true, context: true, grandchild: 'false', thread: false });
  expect(seen.execArgv.slice(0, 1)).toEqual(['--no-warnings']);
});

test('the children of a worker hold neither its listeners nor its control channel', async () => {
  const program = httpProgram(
    '',
    'response.end(String(child.pid))',
    `import { spawn } from 'node:child_process';
     const child = spawn(process.execPath, ['-e', "console.log('up'); process.stdin.resume()"], { stdio: ['pipe', 'pipe', 'inherit'] });
     await new Promise((resolve) => child.stdout.once('data', resolve));`,
  );
  await using worker = await startLoneWorker({ program });
  await worker.message('became-ready');
  const pid = Number((await httpGet({ port: worker.port })).body);
  const sockets = (of: number) => Object.values(openFds(of)).filter((target) => String(target).startsWith('socket:'));
  const shared = sockets(worker.pid).filter((target) => sockets(pid).includes(target));
  // stdin and stdout of the child are socketpairs of the worker's making; each end has a name of its own.
  expect(shared).toEqual([]);
});

for (const { what, program, error, stderr } of [
  { what: 'a missing module', program: "import './not-there.mjs';", error: /Cannot find module|ERR_MODULE_NOT_FOUND/ },
  { what: 'a SyntaxError', program: 'const = 1;', error: /Unexpected token|Missing initializer/ },
  { what: 'a throw', program: "throw new RangeError('thrown at boot');", error: /thrown at boot/ },
  {
    what: 'a rejected top-level await',
    program: "await Promise.reject(new Error('rejected at boot'));",
    error: /rejected at boot/,
  },
  {
    what: 'an unhandled rejection',
    program: "Promise.reject(new Error('unhandled')); setInterval(() => {}, 1000);",
    error: /unhandled/,
  },
  { what: 'a thrown string', program: "throw 'just text';", error: /just text/ },
  {
    what: 'a serve that throws',
    program: httpProgram("serve: () => { throw new Error('serve threw'); },"),
    error: /serve threw/,
  },
  {
    what: 'a serve that rejects, although the caller catches',
    program: `import { prefork } from 'prefork';
      prefork({ name: 'lone', listen: 0, serve: async () => { throw new Error('serve rejected'); } }).catch(() => {});
      setInterval(() => {}, 1000);`,
    error: /serve rejected/,
    stderr: /Error: serve rejected\n {4}at /,
  },
  {
    what: 'a server that cannot listen',
    program: httpProgram("serve: () => createServer().listen({ path: '/not/there/at/all.sock' }),"),
    error: /EACCES|ENOENT/,
  },
  {
    what: 'a server on another address',
    program: httpProgram("serve: () => createServer().listen(0, '127.0.0.1'),"),
    error:
      /serve returned a server on 127\.0\.0\.1 port \d+, but the fleet listens on 127\.0\.0\.1:\d+; pass `listener`/,
  },
  {
    what: 'a serve that returns something else',
    program: httpProgram('serve: () => ({ fetch() {} }),'),
    error: /serve must return/,
  },
]) {
  test(`${what} at boot reaches the master as an error, and the worker exits with 1`, async () => {
    await using worker = await startLoneWorker({ program });
    const message = await worker.message('boot-failed');
    expect(`${message.error.code} ${message.error.name}: ${message.error.message}`).toMatch(error);
    expect(await worker.exited).toEqual({ code: 1, signal: null });
    expect(worker.stderr()).toMatch(stderr ?? error);
    expect(worker.messages.some(({ type }) => type === 'became-ready')).toBe(false);
  });
}

test('the last output on stderr of a worker that exits at boot reaches the master, and is printed unchanged', async () => {
  const program = `console.error('cannot reach the database'); process.stderr.write(Buffer.from('bytes '));
    process.stderr.write('6869', 'hex', () => { console.error('called'); process.exit(7); });`;
  await using worker = await startLoneWorker({ program });
  expect(await worker.exited).toEqual({ code: 7, signal: null });
  const printed = 'cannot reach the database\nbytes hicalled\n';
  expect(worker.stderr()).toBe(printed);
  const reported = (): string =>
    worker.messages.map((message) => (message.type === 'wrote-stderr' ? message.text : '?')).join('');
  await eventually(() => reported() === printed, { what: 'all of it has been reported' });
});

const FAILING = "console.error('x'.repeat(9_000)); setImmediate(() => { throw new Error('no such tenant'); });";
test.each([
  ['at boot', FAILING],
  ['when it is ready', httpProgram('', `response.end(); ${FAILING}`)],
])(
  'an uncaught error of a worker %s is the end of the stderr that it reports, within bounds',
  async (when, program) => {
    await using worker = await startLoneWorker({ program });
    if (when !== 'at boot') {
      await worker.message('became-ready');
      await httpGet({ port: worker.port });
    }
    expect(await worker.exited).toEqual({ code: 1, signal: null });
    const { error } = await worker.message('boot-failed');
    const reported = () =>
      worker.messages.map((message) => (message.type === 'wrote-stderr' ? message.text : '')).join('');
    await eventually(() => reported().endsWith(`x\n${error.stack}\n`), { what: 'the end was reported' });
    expect(reported().length).toBeLessThan(10_000);
  },
);

test('reports of stderr are bounded, and end when the worker is ready', async () => {
  const program = httpProgram(
    '',
    "console.error('after ready'); response.end('ok')",
    "for (let i = 0; i < 200; i++) console.error('\\u0007'.repeat(1000)); await new Promise((resolve) => setTimeout(resolve, 50));",
  );
  await using worker = await startLoneWorker({ program });
  await worker.message('became-ready');
  await httpGet({ port: worker.port });
  const reported = worker.messages.map((message) => (message.type === 'wrote-stderr' ? message.text : '')).join('');
  expect(reported.length).toBeLessThanOrEqual(64 * 1024);
  expect(reported.length).toBeGreaterThan(10_000);
  expect(reported).not.toContain('after ready');
  // On another pipe than the answer.
  await eventually(() => worker.stderr().includes('after ready'), { what: 'the line is read' });
});

test('a preload that fails, here without its addon, ends the worker with an error that reaches the master', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'prefork-'));
  try {
    const dist = fileURLToPath(new URL('../../../dist/', import.meta.url));
    for (const room of ['addon', 'boot', 'common', 'protocol'])
      await cp(`${dist}${room}`, join(folder, room), { recursive: true });
    await rm(join(folder, 'addon', 'binding.cjs'));
    await cp(`${dist}preload.cjs`, join(folder, 'preload.cjs'));
    const program = "console.log('user code ran')";
    await using worker = await startLoneWorker({ program, preload: join(folder, 'preload.cjs') });
    const { error } = await worker.message('boot-failed');
    expect(error).toMatchObject({
      code: 'MODULE_NOT_FOUND',
      message: expect.stringContaining('binding.cjs') as string,
    });
    expect(await worker.exited).toEqual({ code: 1, signal: null });
    expect(worker.stdout()).toBe('');
    expect(worker.stderr()).toContain('binding.cjs');
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('W17 a descriptor that is not the promised listener is a boot error that names both', async () => {
  await using worker = await startLoneWorker({ program: httpProgram(), promise: (wire) => ({ ...wire, port: 1 }) });
  const { error } = await worker.message('boot-failed');
  expect(error.code).toBe('ERR_PREFORK_INHERITED_LISTENER');
  expect(error.message).toMatch(
    /Descriptor 3 was promised to be the listener '0' on 127\.0\.0\.1:1 but is a stream socket of family IPv4 at 127\.0\.0\.1 port \d+/,
  );
  expect((await worker.exited).code).toBe(1);
});

test('W17 a closed descriptor is a boot error with the cause', async () => {
  await using worker = await startLoneWorker({ program: httpProgram(), promise: (wire) => ({ ...wire, fd: 500 }) });
  const { error } = await worker.message('boot-failed');
  expect(error.code).toBe('ERR_PREFORK_INHERITED_LISTENER');
  expect(error.message).toMatch(/is no socket \(.*EBADF/);
  expect((await worker.exited).code).toBe(1);
});

test('W17 a worker without a control channel says what most likely went wrong', async () => {
  await using worker = await startLoneWorker({ program: httpProgram(), control: false });
  expect((await worker.exited).code).toBe(1);
  expect(worker.stderr()).toMatch(
    /marked as worker 2 of fleet 'lone' but has no control channel on descriptor 4; most likely a commandProducer/,
  );
});

test('C17 a worker of a reuseport fleet binds the promised address by itself', async () => {
  await using worker = await startLoneWorker({ program: httpProgram("sharing: 'reuseport',"), reuseport: true });
  await worker.message('became-ready');
  expect((await httpGet({ port: worker.port })).body).toBe('ok');
});

test('several fleets: a worker serves its own, the others settle with its drain', async () => {
  const program = `
    import { createServer } from 'node:http';
    import { prefork } from 'prefork';
    const fleet = (name) => prefork({ name, listen: '127.0.0.1:0', serve: (listener) => createServer((_, response) => response.end(name)).listen(listener) })
      .then(() => console.log('settled', name));
    await Promise.all([fleet('other'), fleet('lone'), fleet('third')]);`;
  await using worker = await startLoneWorker({ program });
  await worker.message('became-ready');
  expect((await httpGet({ port: worker.port })).body).toBe('lone');
  expect(worker.stdout()).toBe('');
  worker.send({ type: 'drain', reason: 'stop', timeout: 5_000 });
  expect(await worker.exited).toEqual({ code: 0, signal: null });
  expect(worker.stdout().trim().split('\n').sort()).toEqual(['settled lone', 'settled other', 'settled third']);
});
