import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { produce } from '../../../../lib/system/launch/producer.js';
import type { Command } from '../../../../lib/types.js';
import { isAlive } from '../../../helpers/index.js';

const command: Command = { file: 'true', args: [], env: {}, stdio: [], files: [], slot: 4, generation: 0 };
const sleeper = () => spawn('sleep', ['60'], { stdio: 'ignore' });

test('a started process is handed on', async () => {
  const child = await produce(() => sleeper(), command);
  expect(isAlive(child.pid as number)).toBe(true);
  child.kill();
  await once(child, 'exit');
});

type Broken = readonly [what: string, producer: () => unknown, code: string, message: RegExp];

const broken: readonly Broken[] = [
  ['throws', () => Promise.reject(new Error('no image')), 'ERR_PREFORK_COMMAND_PRODUCER', /slot 4: no image/],
  ['returns nothing', () => undefined, 'ERR_PREFORK_COMMAND_PRODUCER_NIL', /undefined for slot 4/],
  ['returns null', () => null, 'ERR_PREFORK_COMMAND_PRODUCER_NIL', /null for slot 4/],
  ['returns something else', () => 'pid 7', 'ERR_PREFORK_COMMAND_PRODUCER_NOT_STARTED', /"pid 7"/],
  [
    'returns a process that could not start',
    () => spawn('/does/not/exist'),
    'ERR_PREFORK_COMMAND_PRODUCER_NOT_STARTED',
    /ENOENT/,
  ],
];

test.each(broken)('C7 a producer that %s is an error that says so', async (_what, producer, code, message) => {
  const error = await produce(producer as () => ChildProcess, command).catch((thrown) => thrown);
  expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
});

test('C7d a process that the producer started before it failed is ended, one that others start meanwhile is not', async () => {
  let started: ChildProcess | undefined;
  const failing = produce(async () => {
    await Promise.resolve();
    started = sleeper();
    await new Promise((resolve) => setImmediate(resolve));
    throw new Error('afterwards');
  }, command);
  const bystander = sleeper();
  await expect(failing).rejects.toMatchObject({
    code: 'ERR_PREFORK_COMMAND_PRODUCER',
    cause: { message: 'afterwards' },
  });
  expect(started?.signalCode).toBe('SIGTERM');
  expect(isAlive(bystander.pid as number)).toBe(true);
  bystander.kill();
  await once(bystander, 'exit');
});
