/** For all tests of the addon: runs programs for their output, and counts descriptors. */

import { createReadStream } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, vi } from 'vitest';
import { native as binding } from '../../lib/addon/binding.cjs';
import type {
  Fd,
  LinuxAddon,
  NativeChild,
  NativeExit,
  SpawnRequest,
  TcpListenRequest,
} from '../../lib/addon/native.cjs';
import { deferred } from '../../lib/common/deferred.js';
import { bounded } from '../helpers/eventually.js';
import { openFds } from '../helpers/processes.js';

/** Members that other systems lack are only for tests that are skipped there. */
export const native = binding as LinuxAddon;

/** Milliseconds, for a busy machine: the bound makes a test fail instead of hang, and measures nothing. */
export const PATIENCE = 30_000;
vi.setConfig({ testTimeout: 3 * PATIENCE, hookTimeout: PATIENCE });

export interface SystemError extends Error {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
  readonly address?: string;
  readonly port?: number;
  readonly path?: string;
}

/** What `body` throws. */
export function errorOf(body: () => unknown): SystemError {
  try {
    body();
  } catch (error) {
    return error as SystemError;
  }
  throw new Error('nothing was thrown');
}

/** `body` fails 20 times and leaves the descriptors of this process as they were. Returns the last error. */
export function failsCleanly(body: () => unknown): SystemError {
  // The first failure may load what stays, a locale file or the address database.
  let error = errorOf(body);
  const before = [...openFds()];
  for (let i = 0; i < 20; i++) error = errorOf(body);
  expect([...openFds()]).toEqual(before);
  return error;
}

export function tcp(overrides: Partial<TcpListenRequest> = {}): TcpListenRequest {
  return {
    family: 'IPv4',
    address: '127.0.0.1',
    port: 0,
    backlog: 128,
    ipv6Only: false,
    reusePort: false,
    ...overrides,
  };
}

export function environment(): string[] {
  return Object.entries(process.env).map(([key, value]) => `${key}=${value}`);
}

/** A request for `sh -c script` that inherits stdio. */
export function shell(script: string, overrides: Partial<SpawnRequest> = {}): SpawnRequest {
  return {
    file: '/bin/sh',
    args: ['sh', '-c', script],
    env: environment(),
    fds: [0, 1, 2],
    dieWithParent: true,
    listenPid: false,
    ...overrides,
  };
}

export interface Started {
  readonly child: NativeChild;
  readonly exit: Promise<NativeExit>;
}

export function start(request: SpawnRequest): Started {
  const { promise, resolve } = deferred<NativeExit>();
  const child = native.spawn(request, resolve);
  return { child, exit: bounded(promise, PATIENCE, `process ${child.pid} ends`) };
}

export interface Ran {
  readonly pid: number;
  readonly exit: NativeExit;
  readonly out: string;
}

/** Runs a request with its descriptor 1 on a pipe, and returns the output. */
export async function run(request: SpawnRequest): Promise<Ran> {
  const [readEnd, writeEnd] = native.pipe();
  const fds: Fd[] = [...request.fds];
  fds[1] = writeEnd;
  let started: Started;
  try {
    started = start({ ...request, fds });
  } catch (error) {
    native.closeFd(readEnd);
    throw error;
  } finally {
    native.closeFd(writeEnd);
  }
  const [out, exit] = await Promise.all([text(createReadStream('', { fd: readEnd })), started.exit]);
  return { pid: started.child.pid, exit, out };
}

/** Path of a program under test/fixtures. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
}

/** The value of a line of /proc/<pid>/status. */
export function statusField(status: string, name: string): string | undefined {
  return new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(status)?.[1]?.trim();
}
