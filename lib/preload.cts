/**
 * Loaded with `--require` as the very first module of a Node worker: nothing a user module does can come before the watch on the
 * master, and a user module that fails to load is still reported. Does nothing in masters, threads and a worker's children.
 */

import { posix } from './addon/narrow.cjs';
import type { CommonAddon } from './addon/native.cjs';
import { prepare } from './boot/boot.cjs';
import { awaitIdentity } from './boot/head-start.cjs';
import type { WorkerIdentity } from './boot/identity.cjs';
import { identity } from './boot/identity.cjs';
import { ENV, type HostedProgram, INSPECTABLE } from './protocol/protocol.cjs';

/** See worker/hosted/main.ts. */
type Host = (worker: WorkerIdentity, hosted: HostedProgram, native: CommonAddon) => void;

/** See worker/hosted/member.ts. */
type BecomeMember = (worker: WorkerIdentity, native: CommonAddon) => void;

/**
 * Takes `--require <this file>` and what the master adds behind it out of `process.execArgv`, which `child_process.fork` hands on to
 * a worker's children, and which threads refuse that are given it.
 */
function forgetOwnFlags(execArgv: string[], own: string): void {
  const pair = execArgv.findIndex((flag, i) => (flag === '--require' || flag === '-r') && execArgv[i + 1] === own);
  if (pair !== -1) {
    const inspectable = INSPECTABLE.every((flag, i) => execArgv[pair + 2 + i] === flag);
    execArgv.splice(pair, 2 + (inspectable ? INSPECTABLE.length : 0));
    return;
  }
  const joined = execArgv.indexOf(`--require=${own}`);
  if (joined !== -1) execArgv.splice(joined, 1);
}

// Loaded late and inside, so that a missing addon is reported to the master like any other boot error.
const loadNative = () => (require('./addon/binding.cjs') as { native: CommonAddon }).native;
const loadHosted = () => require('./bundle-hosted.cjs') as { host: Host };
const early = process.env[ENV.headStart];
if (early !== undefined) {
  const native = posix(loadNative());
  // The command runs nothing else, and is loading its own part meanwhile.
  if (process.env[ENV.child] === undefined) loadHosted();
  awaitIdentity(native, Number(early));
}

// A thread runs the preload again, with an environment whose variables are gone. Asking for `isMainThread` instead would load
// worker_threads, the dearest module of this boot.
const worker = identity();
if (worker !== undefined) {
  forgetOwnFlags(process.execArgv, __filename);
  // One of the two, because every module on the way of a boot costs it time.
  const system =
    process.platform === 'win32'
      ? (require('./boot/windows.cjs') as typeof import('./boot/windows.cjs')).windowsBoot(loadNative)
      : (require('./boot/posix.cjs') as typeof import('./boot/posix.cjs')).posixBoot(loadNative);
  prepare(worker, system, true);
  if (worker.hosted !== undefined) {
    // Loaded by the few that need it, before the program.
    loadHosted().host(worker, JSON.parse(worker.hosted) as HostedProgram, loadNative());
  } else if (worker.replyFd !== undefined) {
    const { becomeMember } = require('./bundle-member.cjs') as { becomeMember: BecomeMember };
    becomeMember(worker, loadNative());
  }
}
