/** Where the JavaScript of a worker is whose event loop does not turn. Runs in the master; loaded with the watch for such workers. */

import { readdir, readFile, readlink } from 'node:fs/promises';
import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { ListeningAddress } from '../../protocol/protocol.cjs';
import type { BlockedStack, StackRequest } from '../system.js';
import { debuggerUrl, formatFrames, pausedFrames } from './inspector-client.js';
import type { ListeningSocket } from './process-sockets.js';
import { hasConnection, listeningSockets, socketInodes } from './process-sockets.js';

/** Milliseconds. */
const TIMEOUT = 1_000;
/** The kernel does not report when another process begins to listen; the master asks again after this long, in milliseconds. */
const LOOK_AGAIN = 10;
/** An inspector answers from a thread of its own; what does not answer within this share of the timeout is none. */
const PROBE_SHARE = 0.25;

/** Descriptors for an inspector: of its event loop, without which Node aborts (seen: 4), its socket (2), and two connections. */
const SPARE = 16;

const UNAVAILABLE: BlockedStack = { unavailable: 'inspector unavailable' };
const NATIVE: BlockedStack = { unavailable: 'in native code' };

/** As `AskForStack`. */
export async function blockedStack(pid: number, options: StackRequest = {}): Promise<BlockedStack> {
  const signalled: Signalled = { opens: undefined };
  // The process ended, is another user's, has no inspector, or this system has no /proc: no stack in any case.
  const found = await ask(pid, options, signalled).catch(() => UNAVAILABLE);
  const { opens } = signalled;
  return opens !== undefined && !('debugged' in found) ? { ...found, opened: { before: opens } } : found;
}

interface Signalled {
  /** The process has got SIGUSR1, and no socket that listened at one of these addresses has answered as an inspector does. */
  opens: readonly ListeningAddress[] | undefined;
}

async function ask(pid: number, options: StackRequest, signalled: Signalled): Promise<BlockedStack> {
  const { inspector, timeout = TIMEOUT } = options;
  const before = await ownListeners(pid, options);
  if (typeof inspector === 'number' && (await isConnected(pid, inspector))) return { debugged: true };
  if (!(await sharesNetwork(pid))) return UNAVAILABLE;
  const open = before.find(({ port }) => port === inspector);
  if (open !== undefined) return await stackOf(await debuggerUrl(open, AbortSignal.timeout(timeout)), timeout);
  if (await isDebuggedUnheard(pid, before, timeout * PROBE_SHARE)) return { debugged: true };

  if (inspector === false || !(await catchesSigusr1(pid))) return UNAVAILABLE;
  const { used, limit } = await descriptors(pid);
  if (used + SPARE > limit)
    return {
      unavailable: `not asked for, because it has ${used} of ${limit} descriptors open, and Node aborts when its inspector gets none`,
    };
  const addresses = await everyAddress(pid);
  process.kill(pid, 'SIGUSR1');
  signalled.opens = addresses;
  const signal = AbortSignal.timeout(timeout);
  const openBefore = before.map(async (socket) => {
    const url = await debuggerUrl(socket, signal);
    signalled.opens = undefined;
    return url;
  });
  const found = [untilOpened(pid, options, before, signal), ...openBefore];
  const url = await Promise.any(found).catch(() => undefined);
  if (url !== undefined) return await stackOf(url, timeout);
  // The handler of the signal leaves it to the main thread to open the inspector, when that next executes JavaScript.
  return (await tookSigusr1(pid)) ? NATIVE : UNAVAILABLE;
}

async function stackOf(url: string, timeout: number): Promise<BlockedStack> {
  const frames = await pausedFrames(url, AbortSignal.timeout(timeout));
  return frames === undefined || frames.length === 0 ? NATIVE : { stack: formatFrames(frames) };
}

/**
 * Whether there is a debugger that the worker could not report:
 *     worker: answered     debugger: opens the inspector, connects, stops at a breakpoint     worker: silence
 */
async function isDebuggedUnheard(pid: number, own: readonly ListeningSocket[], within: number): Promise<boolean> {
  const asked = own.map(async (socket) => {
    if (!(await isConnected(pid, socket.port))) throw new Error('no debugger is connected');
    return await debuggerUrl(socket, AbortSignal.timeout(within));
  });
  return (await Promise.any(asked).catch(() => undefined)) !== undefined;
}

/** What the process listens to by itself: sockets that it has from the master are the fleet's. */
async function ownListeners(pid: number, { servedPorts }: StackRequest): Promise<readonly ListeningSocket[]> {
  const listening = (await listeningSockets(pid)).filter(({ port }) => servedPorts?.has(port) !== true);
  if (listening.length === 0) return [];
  const [theirs, ours] = await Promise.all([socketInodes(pid), socketInodes(process.pid)]);
  return listening.filter(({ inode }) => theirs.has(inode) && !ours.has(inode));
}

/** Whose socket it is does not matter: what the signal opens is none of them. */
async function everyAddress(pid: number): Promise<readonly ListeningAddress[]> {
  const [listening, theirs] = await Promise.all([listeningSockets(pid), socketInodes(pid)]);
  return listening.flatMap(({ inode, bound, port }) => (theirs.has(inode) ? [{ host: bound, port }] : []));
}

async function isConnected(pid: number, port: number): Promise<boolean> {
  return await hasConnection(pid, await socketInodes(pid), port);
}

/** Ports mean something else in another network namespace. */
async function sharesNetwork(pid: number): Promise<boolean> {
  const [theirs, ours] = await Promise.all([readlink(`/proc/${pid}/ns/net`), readlink('/proc/self/ns/net')]);
  return theirs === ours;
}

/** The debugger behind a socket that was not there before. */
async function untilOpened(
  pid: number,
  options: StackRequest,
  before: readonly ListeningSocket[],
  signal: AbortSignal,
): Promise<string> {
  const known = new Set(before.map(({ inode }) => inode));
  for (;;) {
    const opened = (await ownListeners(pid, options)).find(({ inode }) => !known.has(inode));
    if (opened !== undefined) return await debuggerUrl(opened, signal);
    await delay(LOOK_AGAIN, undefined, { signal });
  }
}

/** Of the numbers below the soft limit, which are all that it can get, getrlimit(2). */
async function descriptors(pid: number): Promise<{ readonly used: number; readonly limit: number }> {
  const [open, limits] = await Promise.all([readdir(`/proc/${pid}/fd`), readFile(`/proc/${pid}/limits`, 'latin1')]);
  const limit = Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
  return { used: open.filter((fd) => Number(fd) < limit).length, limit };
}

/** SIGUSR1 ends a process without a handler for it: a program that is not Node, or a Node without an inspector. */
async function catchesSigusr1(pid: number): Promise<boolean> {
  return hasSigusr1(await readFile(`/proc/${pid}/status`, 'latin1'), 'SigCgt');
}

/** False while the process is stopped: the signal waits for it. */
async function tookSigusr1(pid: number): Promise<boolean> {
  return !hasSigusr1(await readFile(`/proc/${pid}/status`, 'latin1'), 'ShdPnd');
}

/** Looks into one of the signal sets of proc_pid_status(5): a bit for each signal from 1 up, in hexadecimal. */
function hasSigusr1(status: string, set: 'SigCgt' | 'ShdPnd'): boolean {
  const mask = new RegExp(`^${set}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0';
  return ((BigInt(`0x${mask}`) >> BigInt(constants.signals.SIGUSR1 - 1)) & 1n) === 1n;
}
