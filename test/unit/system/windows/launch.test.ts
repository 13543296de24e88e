import { expect, test } from 'vitest';
import type { Program } from '../../../../lib/common/program.js';
import { resolveOptions } from '../../../../lib/options/resolve.js';
import { startProcess, windowsCommand } from '../../../../lib/system/windows/launch.js';
import type { Command, PreforkOptions } from '../../../../lib/types.js';

const program: Program = {
  execPath: 'C:\\Program Files\\nodejs\\node.exe',
  execArgv: [],
  argv: ['C:\\Program Files\\nodejs\\node.exe', '/srv/grüße/app.mjs', 'an argument'],
  env: { Path: 'C:\\Windows', Prefork_Child: '1', listen_FDS: '3', NODE_channel_fd: '4', HOME: 'C:\\Users\\Jörg' },
  cwd: '/srv',
  physicalCwd: '/srv',
  cwdIsNamed: true,
  isSingleExecutable: false,
  preload: () => '/srv/node_modules/prefork/dist/preload.cjs',
};

function command(options: Partial<PreforkOptions> = {}, onTerminal: (fd: number) => boolean = () => false): Command {
  const settings = resolveOptions({ serve: () => {}, listen: 0, ...options }, '0').launch;
  const address = { name: 'web', family: 'IPv4', address: '127.0.0.1', port: 80 } as const;
  const listeners = [{ address, fd: 700, wire: { ...address, boundAs: '', backlog: 1, ipv6Only: false }, close() {} }];
  const launch = {
    fleet: '0',
    slot: 2,
    generation: 1,
    listeners,
    asks: false,
    adopts: false,
    diesWithMaster: false,
    settings,
  };
  return windowsCommand({ ...launch, program, commandProducer: undefined }, '133700', undefined, onTerminal);
}

test('a worker gets two pipes instead of sockets, no console, and the way to its pipes', () => {
  const { env, ...rest } = command();
  expect(rest).toMatchObject({
    file: program.execPath,
    stdio: ['ignore', 'inherit', 'inherit', 'overlapped', 'pipe'],
    detached: true,
    windowsHide: true,
    files: [{ fd: 700, name: 'web', address: { port: 80 } }],
    cwd: '/srv',
    slot: 2,
    generation: 1,
  });
  expect(rest.args.slice(-2)).toEqual(['./grüße/app.mjs', 'an argument']);
  expect(env).toMatchObject({ PREFORK_CHILD: '1', PREFORK_SLOT: '2', PREFORK_CONTROL_FD: '3', PREFORK_REPORT_FD: '4' });
  expect(env).toMatchObject({ PREFORK_MASTER_STARTED: '133700' });
});

test('stale variables are left out however they are written, and all others stay', () => {
  const { env } = command();
  const own = Object.keys(env).filter((name) => /^prefork_child$/i.test(name));
  expect(own).toEqual(['PREFORK_CHILD']);
  expect(Object.keys(env).filter((name) => /^(listen|node)_/i.test(name))).toEqual([]);
  expect(env).toMatchObject({ Path: 'C:\\Windows', HOME: 'C:\\Users\\Jörg' });
});

test('a console of the master becomes a pipe that the master passes on; files and pipes are inherited', () => {
  const console = (fd: number): boolean => fd <= 2;
  expect(command({ stdio: 'inherit' }, console).stdio.slice(0, 3)).toEqual(['ignore', 'pipe', 'pipe']);
  expect(command({ stdio: ['ignore', 2, 'inherit'] }, (fd) => fd === 2).stdio.slice(0, 3)).toEqual([
    'ignore',
    'pipe',
    'pipe',
  ]);
  expect(command({ stdio: 'inherit' }).stdio.slice(0, 3)).toEqual(['inherit', 'inherit', 'inherit']);
  expect(command({ stdio: ['ignore', 'ignore', 7] }, console).stdio.slice(0, 3)).toEqual(['ignore', 'ignore', 7]);
  // No process writes to it.
  expect(command({ stdio: 'pipe' }).stdio.slice(0, 3)).toEqual(['ignore', 'pipe', 'pipe']);
});

test('a program that is not there is the error of the system', async () => {
  const missing = { ...command(), file: '/nowhere/node.exe', cwd: process.cwd() };
  await expect(startProcess(missing)).rejects.toMatchObject({ code: 'ENOENT' });
});
