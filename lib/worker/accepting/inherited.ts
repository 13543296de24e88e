/** Turns the master's list of listeners into sockets, checking each. */

import type { Server } from 'node:net';
import type { CommonAddon, InspectedSocket, PosixAddon } from '../../addon/native.cjs';
import { PreforkError } from '../../common/errors.js';
import { reasonOf } from '../../common/in-words.cjs';
import { type Log, showAddress } from '../../common/log.js';
import type { WireListener } from '../../protocol/protocol.cjs';
import type { Listener } from '../../types.js';

/**
 * Adopts every listener of a worker, in order: checks what was inherited, binds what this worker binds itself.
 * @throws PreforkError `ERR_PREFORK_INHERITED_LISTENER` when a descriptor is not the listening socket that was promised.
 */
export function inheritListeners(native: PosixAddon, wires: readonly WireListener[]): Listener[] {
  return wires.map((wire) => {
    const { name, family, address, port } = wire;
    return {
      fd: inheritListener(native, wire),
      name,
      family,
      address,
      ...(port !== undefined && { port }),
    };
  });
}

/** @returns the descriptor to listen on. */
export function inheritListener(native: PosixAddon, wire: WireListener): number {
  return wire.fd === null ? bind(native, wire) : verified(native, wire, wire.fd);
}

function bind(native: PosixAddon, wire: WireListener): number {
  if (wire.family === 'unix' || wire.port === undefined) throw mismatch(wire, 'no descriptor');
  const { family, address, port, backlog, ipv6Only } = wire;
  return native.listen({ family, address, port, backlog, ipv6Only, reusePort: true }).fd;
}

/** The listening socket that was promised. */
export function verified(native: Pick<CommonAddon, 'inspectListener'>, wire: WireListener, fd: number): number {
  let found: InspectedSocket;
  try {
    found = native.inspectListener(fd);
  } catch (cause) {
    throw mismatch(wire, `no socket (${reasonOf(cause)})`, cause);
  }
  const expected: Partial<InspectedSocket> = {
    type: 'stream',
    listening: true,
    family: wire.family,
    address: wire.boundAs,
    ...(wire.port !== undefined && { port: wire.port }),
  };
  const wrong = Object.entries(expected).some(([key, value]) => found[key as keyof InspectedSocket] !== value);
  if (wrong) throw mismatch(wire, describe(found));
  return fd;
}

function describe({ family, type, listening, address, port }: InspectedSocket): string {
  // A file or a pipe, too: what was promised is all that matters.
  if (family === 'other') return 'no internet or unix socket';
  const at = family === 'unix' ? `unix:${address}` : `${address}${port === undefined ? '' : ` port ${port}`}`;
  return `a ${type === 'stream' ? '' : 'non-'}stream socket of family ${family} at ${at}${listening ? '' : ', not listening'}`;
}

function mismatch(wire: WireListener, found: string, cause?: unknown): PreforkError {
  return new PreforkError(
    'ERR_PREFORK_INHERITED_LISTENER',
    `Descriptor ${wire.fd} was promised to be the listener '${wire.name}' on ${showAddress(wire)} but is ${found}. ` +
      'A commandProducer must pass `command.stdio` to spawn unchanged',
    cause === undefined ? {} : { cause },
  );
}

/** server.listen({ fd }) has called listen(2) again with libuv's backlog of 511, for every holder of the socket. */
export function restoreBacklog(
  native: Pick<PosixAddon, 'setBacklog'>,
  log: Pick<Log, 'warn'>,
  fd: number,
  backlog: number,
  whose = '',
): void {
  try {
    native.setBacklog(fd, backlog);
  } catch (error) {
    log.warn(`could not restore the backlog of ${backlog}${whose}: ${reasonOf(error)}`, { event: 'accept', error });
  }
}

export function showBound(bound: ReturnType<Server['address']>): string {
  if (bound === null) return 'no address';
  return typeof bound === 'string' ? `unix:${bound}` : `${bound.address} port ${bound.port}`;
}
