/**
 * The border to native code under arguments that no caller of ours would pass: wrong types, getters that throw, that close and that detach,
 * buffers that are detached before, during and after a call, huge numbers, closed and foreign descriptors. `npm run test:borders` makes more
 * than 120,000 calls. A failure prints its seed: `PREFORK_BORDERS_SEED=…` repeats it.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, vi } from 'vitest';
import type {
  LinuxAddon,
  MasterWatch,
  NativeAcceptLine,
  NativeAcceptLines,
  NativeBoard,
  NativeChild,
  NativeScoreboard,
  QueueWatch,
} from '../../../lib/addon/native.cjs';
import { inPackage, target, testOn } from '../../helpers/index.js';
import { startProgram } from '../../helpers/master.js';

const { PREFORK_BORDERS_CALLS: calls = '6000', PREFORK_BORDERS_SEED: chosen } = process.env;
const TIMEOUT = 60_000 + Number(calls) * 5;
vi.setConfig({ testTimeout: TIMEOUT });

type Method = (...args: never[]) => unknown;
/** Each function of an object, with the number of its parameters: the compiler refuses a list that lacks one. */
type Takes<T, Prefix extends string = ''> = {
  readonly [Name in keyof T as T[Name] extends Method ? `${Prefix}${Name & string}` : never]: T[Name] extends (
    ...args: infer Args
  ) => unknown
    ? Args['length']
    : never;
};

const FUNCTIONS: Takes<LinuxAddon> = {
  ...{ listen: 1, inspectListener: 1, closeFd: 1, setBacklog: 2, probeUnix: 1, lockFile: 1, bytesWaiting: 1 },
  ...{ endIfSilent: 1, dupFd: 1, setCloseOnExec: 1, setNonBlocking: 1, socketPair: 0, pipe: 0, fdChannel: 0 },
  ...{ sendFds: 2, recvFds: 1, awaitFds: 2, openNull: 0, hasControllingTerminal: 0, writeNow: 2 },
  ...{ replaceDeadTerminals: 0, replaceFullStderr: 0, spawn: 2, findUser: 1, findGroup: 1, acceptLines: 2 },
  ...{ makeScoreboard: 0, openScoreboard: 1, timeTurns: 1, usage: 1, watchMaster: 2, guard: 1, listenAbstract: 2 },
  ...{ queueDepth: 1, sealListener: 1, hideListener: 1, deafenListener: 2, divertNewcomers: 1 },
  ...{ dismissListener: 1, handshakes: 1 },
  ...{ idleTime: 1, steer: 1, notify: 1, reapStrangers: 1, watchQueues: 2, makeBoard: 0, leaveToJobControl: 1 },
  ...{ releaseFreeMemory: 1 },
};

type Methods = Takes<NativeChild, 'spawn().'> &
  Takes<NativeAcceptLines, 'acceptLines().'> &
  Takes<NativeAcceptLine, 'acceptLines().add().'> &
  Takes<NativeBoard, 'makeBoard().'> &
  Takes<NativeScoreboard, 'makeScoreboard().'> &
  Takes<QueueWatch, 'watchQueues().'> &
  Takes<MasterWatch, 'watchMaster().'>;

const METHODS: Methods = {
  ...{ 'spawn().kill': 1, 'spawn().unref': 0, 'acceptLines().add': 2, 'acceptLines().look': 0 },
  ...{ 'acceptLines().add().leave': 0, 'acceptLines().add().enter': 0, 'acceptLines().add().close': 0 },
  ...{ 'makeBoard().take': 1, 'makeBoard().clear': 1, 'makeBoard().close': 0, 'makeScoreboard().close': 0 },
  ...{ 'watchQueues().add': 1, 'watchQueues().remove': 1, 'watchQueues().rearm': 1, 'watchQueues().close': 0 },
  ...{ 'watchMaster().configure': 1, 'watchMaster().exitAfter': 2, 'watchMaster().close': 0 },
};

/** What test/fixtures/native/borders.mjs prints. */
interface Report {
  /** Calls with one wrong value each, and calls at random. */
  readonly orderly: number;
  readonly random: number;
  /** Getters that closed or detached something during a call, and calls that made native code write into memory of JavaScript. */
  readonly acted: number;
  readonly timed: number;
  readonly takes: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<string, string>>;
}

testOn('sharding')(
  'every exported function refuses a wrong type for each parameter with an error that has a code, called at random it returns what fits or throws such an error, and the process goes on',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'prefork-borders-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const seed = chosen ?? String(Math.floor(Math.random() * 2 ** 31));
    const program = startProgram(target.node, {
      args: [inPackage('test/fixtures/native/borders.mjs'), calls, seed],
      cwd: folder,
    });
    const exit = await program.gone({ within: TIMEOUT });
    const { faults, ...report } = JSON.parse(program.stdout || '{}') as Partial<Report>;
    expect({ seed, exit, faults }).toEqual({ seed, exit: { code: 0, signal: null }, faults: {} });
    expect(report.takes).toEqual({ ...FUNCTIONS, ...METHODS });
    expect(report.random).toBeGreaterThanOrEqual(Number(calls));
    // A wrong value of each of some 50 for each of some 100 parameters and fields.
    expect(report.orderly).toBeGreaterThan(5_000);
    expect(report.acted).toBeGreaterThan(0);
    expect(report.timed).toBeGreaterThan(0);
    console.log(`${(report.orderly as number) + (report.random as number)} calls of native code, seed ${seed}`);
  },
);
