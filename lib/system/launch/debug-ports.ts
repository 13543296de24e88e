/**
 * Which port the debugger of each worker gets. The systems load this for a fleet with `--inspect`: a worker and its successor live at the same
 * time, and so do the workers of several fleets of one program.
 */

import { isIP } from 'node:net';
import type { CommonAddon } from '../../addon/native.cjs';
import { isSystemError } from '../../common/system-error.js';
import type { Launch, WorkerProcess } from '../system.js';
import { nodeFlags, ownFlags, runsNode } from './command.js';
import { type DebugPlace, debugPlace } from './debugger.js';

const LOOPBACK = '127.0.0.1';
const LAST_PORT = 65_535;

/** By port: the worker that has it, or that is being started with it. */
const holders = new Map<number, number | undefined>();

export interface DebugPort {
  readonly port: number;
  /** For the log. */
  readonly place: string;
  /** The process that has it from now on. */
  heldBy(process: WorkerProcess): void;
  /** No process was started. */
  release(): void;
}

/** `undefined`: the worker has no debugger, or its port is Node's affair. */
export function debugPortOf({ settings, program, slot }: Launch, native: CommonAddon): DebugPort | undefined {
  if (!runsNode(settings, program)) return undefined;
  const env = settings.env ?? program.env;
  const [given, own] = [nodeFlags(settings, program), ownFlags(settings, program)];
  const place = debugPlace([...given, ...own], env);
  if (place === undefined || place.port === 0) return undefined;
  // The configuration of a single executable names the port itself, and what comes later wins.
  if (debugPlace([...given, '--inspect-port=0', ...own], env)?.port !== 0) return undefined;
  for (const [port, pid] of holders) if (pid !== undefined && !isAlive(pid)) holders.delete(port);
  const port = freePort(place, slot, native);
  if (port === undefined) return undefined;
  holders.set(port, undefined);
  return {
    port,
    place: `${place.host ?? LOOPBACK}:${port}`,
    heldBy: ({ pid }) => void holders.set(port, pid),
    release: () => void holders.delete(port),
  };
}

/** From the one that the slot has in `cluster` upwards: the same one again, unless its predecessor or a stranger has it. */
function freePort(place: DebugPlace, slot: number, native: CommonAddon): number | undefined {
  for (let port = place.port + 1 + slot; port <= LAST_PORT; port++) {
    if (!holders.has(port) && isFree(place.host ?? LOOPBACK, port, native)) return port;
  }
  return undefined;
}

function isFree(host: string, port: number, native: CommonAddon): boolean {
  const version = isIP(host);
  // A name: whatever Node makes of it.
  if (version === 0) return true;
  try {
    const family = version === 6 ? 'IPv6' : 'IPv4';
    native.closeFd(native.listen({ family, address: host, port, backlog: 1, ipv6Only: false, reusePort: false }).fd);
    return true;
  } catch (error) {
    // Whatever else is wrong with the address is for Node to report.
    return !(isSystemError(error) && error.code === 'EADDRINUSE');
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
