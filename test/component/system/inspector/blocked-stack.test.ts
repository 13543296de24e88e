import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { blockedStack } from '../../../../lib/system/inspector/blocked-stack.js';
import { attachDebugger } from '../../../helpers/debugger.js';
import { isAlive, withDescriptors } from '../../../helpers/index.js';

const FLAGS = ['--inspect-port=0', '--inspect-publish-uid=http'];
/** Milliseconds: more than the default, for a machine with other things to do. */
const timeout = 10_000;

interface Program extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly pid: number;
  /** The first that it wrote to stdout. */
  readonly said: string;
  readonly stderr: () => string;
}

/** Runs `code` and waits until it says something. */
async function startProgram(
  code: string,
  flags: readonly string[] = FLAGS,
  wrapper: readonly string[] = [],
): Promise<Program> {
  const [command = '', ...words] = [...wrapper, process.execPath, ...flags, '--eval', code];
  const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const closed = once(child, 'close');
  const [said] = await once(child.stdout, 'data');
  return {
    child,
    pid: child.pid as number,
    said: String(said),
    stderr: () => stderr,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await closed;
    },
  };
}

/** Says so in a function of that name, and then does it. */
const after = (name: string, body: string): string =>
  `function ${name}() { require('fs').writeSync(1, 'up'); ${body} } setImmediate(${name});`;

test('the stack of a process that spins has its functions, innermost first, and nothing is printed about a debugger port', async () => {
  await using program = await startProgram(after('outer', '(function inner() { for (;;); })();'));
  const found = await blockedStack(program.pid, { timeout });
  expect(found).toEqual({
    stack: expect.stringMatching(/^ {4}at inner \(.*:1:\d+\)\n {4}at outer \(.*:1:\d+\)\n/),
    opened: { before: [] },
  });
  expect(program.stderr()).not.toContain('listening');
});

test('a deep stack is cut after twenty calls', async () => {
  await using program = await startProgram(
    after('deep', 'const down = (n) => { for (;n === 0;); down(n - 1); }; down(100);'),
  );
  const { stack } = (await blockedStack(program.pid, { timeout })) as { stack: string };
  const lines = stack.split('\n');
  expect(lines).toHaveLength(21);
  expect(lines[20]).toMatch(/^ {4}… and \d+ more$/);
});

test('promises that never let the event loop turn have a stack', async () => {
  await using program = await startProgram(
    after('start', 'const again = () => Promise.resolve().then(again); again();'),
  );
  expect(await blockedStack(program.pid, { timeout })).toEqual({
    stack: expect.stringContaining('at again ('),
    opened: { before: [] },
  });
});

test('a process that has its inspector open already is asked there', async () => {
  await using program = await startProgram(
    `require('inspector').open(0);
    setImmediate(function spin() { require('fs').writeSync(1, require('inspector').url()); for (;;); });`,
  );
  expect(await blockedStack(program.pid, { timeout })).toEqual({ stack: expect.stringContaining('at spin (') });
});

test.each(['127.0.0.2', '0.0.0.0', '::1'])(
  'a process that has opened its inspector by itself at %s is asked there, whether it could report its port or not',
  async (host) => {
    await using program = await startProgram(
      `require('inspector').open(0, '${host}');
    setImmediate(function spin() { require('fs').writeSync(1, require('inspector').url()); for (;;); });`,
    );
    const inspector = Number(new URL(program.said).port);
    const expected = { stack: expect.stringContaining('at spin (') };
    expect(await blockedStack(program.pid, { inspector, timeout })).toEqual(expected);
    expect(await blockedStack(program.pid, { timeout })).toEqual(expected);
  },
);

test('a port on which an inspector may listen that does not answer is named: the question has not opened that one', async () => {
  await using program = await startProgram(
    `require('inspector').open(0);
    setImmediate(function spin() { require('fs').writeSync(1, require('inspector').url()); for (;;); });`,
    ['--inspect-port=0', '--inspect-publish-uid=stderr'],
  );
  expect(await blockedStack(program.pid, { timeout: 4_000 })).toEqual({
    unavailable: 'in native code',
    opened: { before: [{ host: '127.0.0.1', port: Number(new URL(program.said).port) }] },
  });
});

test.each(['127.0.0.1', '127.0.0.2', '0.0.0.0', '::'])(
  'a socket at %s that the blocked program listens on is not taken for its inspector, and is named with its host',
  async (host) => {
    await using program = await startProgram(
      `require('net').createServer().listen(0, '${host}', function spin() {
      require('fs').writeSync(1, String(this.address().port)); for (;;); });`,
    );
    expect(await blockedStack(program.pid, { timeout })).toEqual({
      stack: expect.stringContaining('at spin ('),
      opened: { before: [{ host, port: Number(program.said) }] },
    });
  },
);

test('a process in a debugger is left alone, whether it could report its port or not', async () => {
  await using program = await startProgram(
    `require('inspector').open(0); require('fs').writeSync(1, require('inspector').url()); setInterval(() => {}, 10);`,
  );
  const inspector = Number(new URL(program.said).port);
  await using client = await attachDebugger(inspector);
  await client.paused;
  expect(await blockedStack(program.pid, { inspector, timeout })).toEqual({ debugged: true });
  expect(await blockedStack(program.pid, { timeout })).toEqual({ debugged: true });
});

test('a program that handles SIGUSR1 itself gets none', async () => {
  await using program = await startProgram(
    `process.on('SIGUSR1', () => process.exit(7)); require('fs').writeSync(1, 'up'); setInterval(() => {}, 1_000);`,
  );
  expect(await blockedStack(program.pid, { inspector: false })).toEqual({ unavailable: 'inspector unavailable' });
  expect(isAlive(program.pid)).toBe(true);
});

test('a process without descriptors is not asked, because Node would abort, and the reason says so', async () => {
  await using program = await startProgram(
    `const { openSync, writeSync } = require('fs'); const open = [];
    try { for (;;) open.push(openSync('/dev/null')); } catch ({ code }) { writeSync(1, code); }
    setImmediate(function spin() { for (;;); });`,
    FLAGS,
    withDescriptors(100),
  );
  expect(program.said).toBe('EMFILE');
  expect(await blockedStack(program.pid, { timeout })).toEqual({
    unavailable:
      'not asked for, because it has 100 of 100 descriptors open, and Node aborts when its inspector gets none',
  });
  expect(isAlive(program.pid)).toBe(true);
});

test('a process that ended, and one that cannot be asked, have no stack', async () => {
  const ended = await startProgram(after('nothing', ''));
  await ended[Symbol.asyncDispose]();
  expect(await blockedStack(ended.pid)).toEqual({ unavailable: 'inspector unavailable' });

  const sleep = spawn('sleep', ['60'], { stdio: 'ignore' });
  const closed = once(sleep, 'close');
  expect(await blockedStack(sleep.pid as number)).toEqual({ unavailable: 'inspector unavailable' });
  // SIGUSR1 would have ended it.
  expect(isAlive(sleep.pid as number)).toBe(true);
  sleep.kill('SIGKILL');
  await closed;
});
