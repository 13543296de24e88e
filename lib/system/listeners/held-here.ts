/** Which addresses this process holds itself: an address that is taken is most often blamed on another program. */

import type { Server } from 'node:net';
import { showAddress } from '../../common/log.js';
import type { ListenerAddress } from '../../types.js';

/** Of every fleet that this process is the master of. */
export const HELD = new Set<ListenerAddress>();

/**
 * What a person can do about an address that this process holds; `undefined` when it does not.
 * @param port `undefined`: `address` is the path of a unix socket.
 * @param held What the fleets of this process hold.
 */
export function heldHere(
  address: string,
  port: number | undefined,
  held: ReadonlySet<ListenerAddress>,
): string | undefined {
  const fleet = [...held].find((other) => other.port === port && meet(other.address, address));
  if (fleet !== undefined) {
    return `another fleet of this program listens on ${showAddress(fleet)}: give each its own address`;
  }
  const servers = listening().some((bound) =>
    typeof bound === 'string' ? bound === address : bound.port === port && meet(bound.address, address),
  );
  if (!servers) return undefined;
  return 'a server of this process listens there: the program calls listen() outside of serve, in the master, too';
}

/** Whether two addresses of the same port cannot both be bound. */
function meet(one: string, other: string): boolean {
  return one === other || ANY.has(one) || ANY.has(other);
}

const ANY = new Set(['::', '0.0.0.0']);

/** Where servers of node:net listen in this process. The list of handles has no documentation; without it there are none. */
function listening(): (string | { readonly address: string; readonly port: number })[] {
  const { _getActiveHandles: list } = process as { _getActiveHandles?: () => (Partial<Server> | null)[] };
  return (list?.call(process) ?? []).flatMap((handle) => {
    const isServer = handle?.listening === true && typeof handle.address === 'function';
    return (isServer && (handle as Server).address()) || [];
  });
}
