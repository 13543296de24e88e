import { expect, test } from 'vitest';
import type { Program } from '../../../../lib/common/program.js';
import { resolveOptions } from '../../../../lib/options/resolve.js';
import { debugPortOf } from '../../../../lib/system/launch/debug-ports.js';
import type { Launch, WorkerProcess } from '../../../../lib/system/system.js';
import type { PreforkOptions } from '../../../../lib/types.js';
import { FakeNative } from '../../../helpers/fake-native.js';

/** No process has such a pid. */
const GONE = { pid: 2 ** 30 } as WorkerProcess;
const HERE = { pid: process.pid } as WorkerProcess;

function choose(
  {
    slot = 0,
    execArgv = [] as string[],
    env = {},
    isSingleExecutable = false,
    ownOption,
    ...options
  }: Partial<Launch & PreforkOptions & Program> & { ownOption?: readonly string[] },
  native = new FakeNative(),
) {
  const settings = resolveOptions({ serve: () => {}, listen: 0, ...options, execArgv: ownOption }, '0').launch;
  const argv = ['node', '/app.mjs'];
  const program = { execPath: '/usr/bin/node', execArgv, argv, env, isSingleExecutable } as unknown as Program;
  return debugPortOf({ settings, program, slot } as Launch, native.binding);
}

test('each slot has its own port, and a successor another one until its predecessor is gone', () => {
  const execArgv = ['--inspect=21000'];
  const [first, second] = [choose({ execArgv, slot: 0 }), choose({ execArgv, slot: 1 })];
  expect([first?.place, second?.place]).toEqual(['127.0.0.1:21001', '127.0.0.1:21002']);
  first?.heldBy(HERE);
  second?.heldBy(HERE);
  const successor = choose({ execArgv, slot: 0 });
  expect(successor?.port).toBe(21_003);
  first?.heldBy(GONE);
  expect(choose({ execArgv, slot: 0 })?.port).toBe(21_001);
  successor?.release();
  expect(choose({ execArgv, slot: 1 })?.port).toBe(21_003);
});

test('a port that a stranger has is passed over', () => {
  const native = new FakeNative();
  native.failures.set('127.0.0.1:22001', 'EADDRINUSE').set('127.0.0.1:22002', 'EADDRINUSE');
  expect(choose({ env: { NODE_OPTIONS: '--trace-gc --inspect=22000' } }, native)?.port).toBe(22_003);
  expect(native.open.size).toBe(0);
  // Whatever is wrong with the address is reported by Node.
  native.failures.set('10.0.0.1:22001', 'EADDRNOTAVAIL');
  expect(choose({ execArgv: ['--inspect-brk=10.0.0.1:22000'] }, native)?.place).toBe('10.0.0.1:22001');
});

test('the last flag names the port, and NODE_OPTIONS come first, as in Node', () => {
  const env = { NODE_OPTIONS: '--inspect=0.0.0.0:23000' };
  expect(choose({ env, execArgv: ['--inspect-port=24000'] })?.place).toBe('0.0.0.0:24001');
});

test('without a debugger, with a port of Node\u2019s choice, or for another program the master chooses none', () => {
  expect(choose({})).toBeUndefined();
  expect(choose({ execArgv: ['--inspect-port=25000'] })).toBeUndefined();
  expect(choose({ execArgv: ['--inspect=0'] })).toBeUndefined();
  expect(choose({ execArgv: ['--inspect=25000'], exec: 'python3' } as object)).toBeUndefined();
});

test('workers of a single executable with a debugger in its own configuration have a port each', () => {
  const own = { isSingleExecutable: true, execArgv: ['--inspect'] };
  expect([0, 1].map((slot) => choose({ ...own, slot })?.place)).toEqual(['127.0.0.1:9230', '127.0.0.1:9231']);
  expect(choose({ ...own, ownOption: ['--inspect-port=26000'] })?.place).toBe('127.0.0.1:26001');
  expect(choose({ ...own, env: { NODE_OPTIONS: '--inspect-port=0.0.0.0:27000' } })?.place).toBe('0.0.0.0:27001');
  // The configuration comes last, and Node cannot be given another port.
  expect(choose({ ...own, execArgv: ['--inspect=127.0.0.1:28000'] })).toBeUndefined();
  // The flags are those of the executable, and not of another program.
  expect(choose({ ...own, exec: 'node' })).toBeUndefined();
});

test('the flags of the master do not count when the option execArgv replaces them', () => {
  expect(choose({ execArgv: ['--inspect=29000'], ownOption: [] })).toBeUndefined();
  expect(choose({ execArgv: [], ownOption: ['--inspect=29000'] })?.port).toBe(29_001);
});
