import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';
import { bounded } from '../../helpers/eventually.js';
import { freePort } from '../../helpers/free-port.js';
import { testOnLinux as test } from '../../helpers/skip.js';
import { errorOf, failsCleanly, fixture, native, PATIENCE, tcp } from '../native-helpers.js';

test('W15 a second guard of the same user is refused, with and without workers that listen', () => {
  const guard = native.guard(tcp());
  const port = guard.port as number;
  const taken = { code: 'EADDRINUSE', syscall: 'bind', address: '127.0.0.1', port };
  expect(failsCleanly(() => native.guard(tcp({ port })))).toMatchObject(taken);
  const workers = [1, 2].map(() => native.listen(tcp({ port, reusePort: true })));
  expect(failsCleanly(() => native.guard(tcp({ port })))).toMatchObject(taken);
  // A listener that does not share is kept off, too.
  expect(failsCleanly(() => native.listen(tcp({ port })))).toMatchObject(taken);
  // Orphaned workers still keep a new master off.
  native.closeFd(guard.fd);
  expect(failsCleanly(() => native.guard(tcp({ port })))).toMatchObject(taken);
  for (const { fd } of workers) native.closeFd(fd);
  native.closeFd(native.guard(tcp({ port })).fd);
});

test('a guard holds the number of port 0, shares with workers and never takes a connection', async () => {
  const guard = native.guard(tcp());
  expect(guard.port).toBeGreaterThan(0);
  expect(native.inspectListener(guard.fd)).toMatchObject({ listening: false, reusePort: true, closeOnExec: true });
  const client = connect(guard.port as number, '127.0.0.1');
  const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNREFUSED');
  native.closeFd(guard.fd);
});

test('W15 a guard takes a port whose last connections are in TIME_WAIT', async () => {
  const listener = native.listen(tcp({ reusePort: true }));
  const { port } = listener;
  const { createServer } = await import('node:net');
  // The side that closes first gets the TIME_WAIT: the server.
  const server = createServer((socket) => socket.end()).listen({ fd: listener.fd });
  await once(server, 'listening');
  for (let i = 0; i < 50; i++) {
    const client = connect(port as number, '127.0.0.1').resume();
    await once(client, 'close');
  }
  await new Promise((resolve) => server.close(resolve));
  const guard = native.guard(tcp({ port: port as number }));
  expect(guard.port).toBe(port);
  native.closeFd(guard.fd);
});

test('a lock whose name another process holds keeps the guard from being made, for a second, and the error names it', async () => {
  const port = await freePort();
  const name = `prefork-guard:${process.geteuid?.()}:${port}`;
  const holder = native.listenAbstract(`\0${name}`, 1);
  const began = performance.now();
  const error = errorOf(() => native.guard(tcp({ port })));
  expect(error).toMatchObject({ code: 'EADDRINUSE', syscall: 'bind', address: '127.0.0.1', port });
  expect(error.message).toContain(`the abstract unix socket @${name} stayed taken`);
  expect(performance.now() - began).toBeLessThan(PATIENCE);
  native.closeFd(holder.fd);
  native.closeFd(native.guard(tcp({ port })).fd);
});

interface Rival {
  readonly process: ChildProcess;
  readonly exited: Promise<unknown>;
  ask(line: string): Promise<string>;
}

async function startRival(): Promise<Rival> {
  const child = spawn(process.execPath, [fixture('native/guards.mjs')], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async (): Promise<string> => {
    const { value, done } = await bounded(lines.next(), PATIENCE, 'a rival answers');
    if (done) throw new Error('a rival ended');
    return value;
  };
  expect(await answer()).toBe('ready');
  return {
    process: child,
    exited,
    ask: (line) => {
      child.stdin.write(`${line}\n`);
      return answer();
    },
  };
}

test('W15 of masters that start at one instant exactly one gets the address, 250 times in a row', async () => {
  const port = await freePort();
  const rivals = await Promise.all([1, 2].map(startRival));
  try {
    for (let round = 0; round < 250; round++) {
      const instant = process.hrtime.bigint() + 1_000_000n;
      const answers = await Promise.all(rivals.map((rival) => rival.ask(`take ${port} ${instant}`)));
      expect(answers.toSorted(), `round ${round}`).toEqual(['EADDRINUSE', 'held']);
      await Promise.all(rivals.map((rival) => rival.ask('drop')));
    }
  } finally {
    for (const rival of rivals) rival.process.kill('SIGKILL');
    await Promise.all(rivals.map((rival) => rival.exited));
  }
});
