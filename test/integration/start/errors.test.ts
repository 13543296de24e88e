import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'vitest';
import { Prefork, type PreforkErrorCode } from '../../../lib/index.js';
import { Master } from '../../../lib/master/master.js';
import { resolveOptions } from '../../../lib/options/resolve.js';
import { buildCommand } from '../../../lib/system/launch/command.js';
import { FakeSystem } from '../../helpers/fake-system.js';
import { type Ability, eachOn, inPackage, KILLED, sendSignal, startMaster, urlThere } from '../../helpers/index.js';
import { overAndClean, runToEnd, startWatched } from '../../helpers/whole-run.js';

/** An error as it is, or as a fixture reported it. */
interface Shape {
  readonly name: string;
  readonly code: string;
  readonly message: string;
  readonly exits?: readonly object[];
  readonly cause?: Shape;
}

interface Row {
  /** Makes it happen. */
  readonly provoke: () => Promise<unknown>;
  /** Default: `PreforkError`. */
  readonly name?: RegExp;
  readonly message: RegExp;
  /** How many exits prove it. Default: `0`. */
  readonly exits?: number;
  /** Without these it cannot happen. */
  readonly needs?: readonly Ability[];
}

const valid = { serve: () => {}, listen: '127.0.0.1:0', workers: 1, logger: false } as const;
const exit = {
  pid: expect.any(Number),
  slot: expect.any(Number),
  generation: 0,
  uptime: expect.any(Number),
  stderr: expect.any(String),
};

async function thrownBy(step: () => unknown): Promise<unknown> {
  try {
    await step();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

async function misused(way: string, ...args: string[]): Promise<Shape> {
  const master = startMaster('misuses', { args: [way, ...args] });
  const { error } = await master.event('misused');
  await master.gone();
  return error;
}

async function produced(way: string): Promise<Shape> {
  const args = [JSON.stringify({ way, at: 1, options: { workers: 1 } })];
  return (await overAndClean(startMaster('produces-commands', { args }))).settled['error'];
}

async function reloadedInHook(): Promise<Shape> {
  const what = { hook: 'onMasterReady', operation: 'reload', how: 'await' };
  const master = startMaster('in-hooks', { args: [JSON.stringify(what)] });
  return (await master.event('refused'))['error'];
}

async function killedTwice(): Promise<Shape> {
  const master = startWatched({ options: { recoverThreshold: 1 } });
  const { pids } = await master.event('onMasterReady');
  for (const pid of pids) sendSignal(pid, 'SIGKILL');
  return (await overAndClean(master)).settled['error'];
}

async function withoutAddon(): Promise<Shape> {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-without-addon-'));
  try {
    for (const part of ['dist', 'package.json']) cpSync(inPackage(part), join(folder, part), { recursive: true });
    return await misused('load a package that lacks something', urlThere(join(folder, 'dist/index.js')));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function withoutBuild(): Promise<Shape> {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-without-build-'));
  try {
    for (const part of ['package.json', 'index.mjs']) cpSync(inPackage(part), join(folder, part));
    return await misused('load a package that lacks something', urlThere(join(folder, 'index.mjs')));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** As in the output of a bundler, away from every package. */
async function bundled(): Promise<unknown> {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-bundled-'));
  try {
    cpSync(inPackage('index.mjs'), join(folder, 'output.mjs'));
    return await thrownBy(() => import(pathToFileURL(join(folder, 'output.mjs')).href));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function withoutBalancing(): Promise<unknown> {
  const ignore = (): void => {};
  const events = {
    spawn: ignore,
    ready: ignore,
    exit: ignore,
    recover: ignore,
    reload: ignore,
    message: ignore,
    stop: ignore,
  };
  const settings = { ...resolveOptions(valid, '0'), sharing: 'reuseport' } as const;
  return thrownBy(() => new Master(settings, new FakeSystem({ reuseport: false }), events).start());
}

function unsupported(): Promise<unknown> {
  const { launch } = resolveOptions(valid, 'unsupported');
  const fromStdin = {
    execPath: process.execPath,
    execArgv: [],
    argv: [process.execPath],
    env: {},
    cwd: '/',
    physicalCwd: '/',
    cwdIsNamed: true,
    isSingleExecutable: false,
    preload: () => '/preload.cjs',
  };
  const place = {
    fleet: 'unsupported',
    slot: 0,
    generation: 0,
    listeners: [],
    asks: false,
    adopts: false,
    diesWithMaster: false,
    commandProducer: undefined,
  };
  return thrownBy(() => buildCommand({ ...place, settings: launch, program: fromStdin }, 3));
}

/** How a worker ended that was killed from outside, in words. */
const ENDED = KILLED.signal === null ? `exited with code ${KILLED.code}` : `killed by ${KILLED.signal}`;

/** The compiler sees to it that no code is missing. */
const table: Readonly<Record<PreforkErrorCode, Row>> = {
  ERR_PREFORK_INVALID_OPTION: {
    provoke: () => thrownBy(() => new Prefork({ ...valid, workers: 0 })),
    name: /^(Type|Range)Error$/,
    message: /^Option 'workers' must be .*; got 0$/,
  },
  ERR_PREFORK_OVER_RECOVERY: {
    provoke: killedTwice,
    message: new RegExp(
      `^Workers exited more than 1 times within 60000 ms \\(recoverThreshold, recoverWindow\\); the last one.* ${ENDED}$`,
    ),
    exits: 2,
  },
  ERR_PREFORK_BOOT_FAILED: {
    provoke: async () => (await runToEnd({ boot: 'throw', options: { workers: 1 } })).settled['error'],
    message: /^worker 0 \(pid \d+, generation 0\) exited with code 1 before it was ready: Error: thrown by serve$/,
    exits: 1,
  },
  ERR_PREFORK_HOOK: {
    provoke: async () => (await runToEnd({ hooks: { onMasterReady: 'throw' } })).settled['error'],
    message: /^onMasterReady failed: thrown by onMasterReady$/,
  },
  ERR_PREFORK_IN_HOOK: {
    provoke: reloadedInHook,
    message:
      /^reload\(\) inside onMasterReady would wait for hooks that wait for this one; call it when the hook has settled: /,
  },
  ERR_PREFORK_COMMAND_PRODUCER: {
    provoke: () => produced('throw'),
    message: /^commandProducer failed for slot 0: as asked$/,
  },
  ERR_PREFORK_COMMAND_PRODUCER_NIL: {
    provoke: () => produced('return undefined'),
    message: /^commandProducer returned undefined for slot 0; it must return the started ChildProcess$/,
  },
  ERR_PREFORK_COMMAND_PRODUCER_NOT_STARTED: {
    provoke: () => produced('return a program that does not exist'),
    message: /^commandProducer did not start a process for slot 0: spawn \/does\/not\/exist ENOENT$/,
  },
  ERR_PREFORK_REUSEPORT_UNSUPPORTED: {
    provoke: withoutBalancing,
    message: /^sharing: 'reuseport' is not possible on \w+: .*; use 'shared', which works everywhere$/,
  },
  ERR_PREFORK_UNSUPPORTED: {
    provoke: unsupported,
    message: /^This program was read from standard input .* name the workers' program with the options exec and args$/,
  },
  ERR_PREFORK_NOT_MASTER: {
    provoke: async () => (await misused('control the fleet from a worker')).cause,
    message: /^This process is a worker; only the master controls the fleet$/,
  },
  ERR_PREFORK_WORKER_THREAD: {
    provoke: () => misused('start a fleet in a thread'),
    message: /^A fleet must be started on the main thread: /,
  },
  ERR_PREFORK_INHERITED_LISTENER: {
    needs: ['descriptors'],
    provoke: async () => (await misused('pass other descriptors to a worker')).cause,
    message:
      /^Descriptor 3 was promised to be the listener '0' on 127\.0\.0\.1:\d+ but is no internet or unix socket\..*commandProducer must pass/,
  },
  ERR_PREFORK_ADDON_NOT_FOUND: {
    provoke: withoutAddon,
    message:
      /^The native part of prefork for \S+ was not found\. Tried:\n( {2}\S+\n)+This package has no addon for it, .*npm run pack:local/,
  },
  ERR_PREFORK_NOT_BUILT: {
    provoke: withoutBuild,
    message: /^The package prefork in .* is incomplete: it was packed without its build, .*npm run pack:local/,
  },
  ERR_PREFORK_BUNDLED: {
    provoke: bundled,
    message: /^prefork was bundled into \S+, and .*--external:prefork.*: npm install prefork@\d/,
  },
};

const rows = Object.entries(table).map(([code, row]) => ({ code, ...row }));

eachOn(rows, ({ needs = [] }) => needs)(
  'C14 $code has its class, its code, a message of its shape, and its evidence',
  async ({ code, ...row }) => {
    const error = (await row.provoke()) as Shape;
    expect(error).toMatchObject({ code });
    expect(error.name).toMatch(row.name ?? /^PreforkError$/);
    expect(error.message).toMatch(row.message);
    // The error that a worker reports before it dies has no exits: they are in the error of the master.
    expect(error.exits ?? []).toEqual(Array.from({ length: row.exits ?? 0 }, () => expect.objectContaining(exit)));
  },
);
