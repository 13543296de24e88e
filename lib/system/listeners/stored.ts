/**
 * The socket that an earlier master of the fleet had the service manager keep: this master goes on with it, as its own, and with the
 * connections in its queue.
 */

import { lstatSync } from 'node:fs';
import { posix } from '../../addon/narrow.cjs';
import type { BoundSocket, CommonAddon, InspectedSocket } from '../../addon/native.cjs';
import type { Log } from '../../common/log.js';
import { placeText } from '../../common/system-error.js';
import type { BoundPlan, ListenPlan } from '../../options/settings.js';
import type { Sharing } from '../../types.js';
import type { OpenListener } from '../open-listener.js';
import type { Activation } from './activation.js';
import { sameAddress } from './fit.js';
import type { ResolvedAddress } from './lookup.js';
import type { ActivatedSocket } from './passed-sockets.js';
import type { StoredName } from './stored-names.js';

export interface Kept {
  readonly activation: Activation;
  readonly native: CommonAddon;
  readonly log: Log;
  readonly fleet: string;
  readonly sharing: Sharing;
  /** More plans come later. */
  readonly moreLater?: boolean | undefined;
  /** What the hosts of the plans mean. */
  readonly addresses: ReadonlyMap<ListenPlan, readonly ResolvedAddress[]>;
}

/**
 * From here on they are as if the master had bound them just now. What was kept for the fleet, and none of the plans wants, is closed, unless
 * more plans come later.
 * @param adopt Makes a listener of a socket, which was kept under a name; under `'sharded'` of those of the slots.
 * @throws what `adopt` throws; the socket is closed then, and the manager goes on keeping it.
 */
export function goOn(
  plans: readonly BoundPlan[],
  kept: Kept,
  adopt: (plan: BoundPlan, sockets: readonly [BoundSocket, ...BoundSocket[]], name: string) => void,
): void {
  const { activation, native, log, fleet, addresses, moreLater } = kept;
  for (const plan of plans) {
    const [first, ...others] = find(plan, addresses.get(plan) ?? [], kept);
    if (first === undefined) continue;
    const found = [first, ...others];
    try {
      for (const { fd } of found) {
        posix(native).setNonBlocking(fd);
        posix(native).setBacklog(fd, plan.backlog);
      }
      adopt(plan, [boundOf(first), ...others.map(boundOf)], first.stored?.listener as string);
    } catch (error) {
      for (const { fd } of found) native.closeFd(fd);
      throw error;
    }
    const { address, port } = first.socket;
    const place = plan.kind === 'unix' ? plan.path : placeText(address, port as number);
    const what = others.length === 0 ? 'socket' : `${found.length} sockets`;
    log.info(`listener '${plan.name}': going on with the ${what} that the service manager has kept, ${place}`, {
      event: 'listen',
    });
  }
  if (moreLater === true) activation.leaveKept(fleet);
  else activation.dismissKept(fleet);
}

function boundOf({ fd, socket: { family, address, port } }: ActivatedSocket): BoundSocket {
  return { fd, family, address, port } as BoundSocket;
}

/** Under `'sharded'` the sockets of the slots, in the order of the slots. */
function find(plan: BoundPlan, addresses: readonly ResolvedAddress[], kept: Kept): readonly ActivatedSocket[] {
  const { activation, fleet, native } = kept;
  const isOpen = (file: string | undefined): boolean =>
    plan.kind === 'unix' &&
    file !== undefined &&
    file === fileAt(plan.path) &&
    // Its file may be there, and its clients refused: a stop had begun.
    posix(native).probeUnix(plan.path) === 'live';
  const isThere = (stored: StoredName, socket: InspectedSocket): boolean => {
    if (stored.fleet !== fleet) return false;
    // A name in no folder.
    if (plan.kind === 'unix' && plan.path.startsWith('\0')) return socket.address === plan.path;
    if (plan.kind === 'unix') return isOpen(stored.file);
    const named = stored.listener === (plan.storedAs ?? plan.name);
    const samePort = plan.port === 0 ? named : socket.port === plan.port;
    return samePort && addresses.some(({ address }) => sameAddress(address, socket.address));
  };
  // A socket that is bound takes clients of IPv4 or it does not, ipv6(7): this one is in the way of one that is to be bound.
  const isOther = ({ family, ipv6Only }: InspectedSocket): boolean =>
    plan.kind === 'tcp' && family === 'IPv6' && ipv6Only !== plan.ipv6Only;
  activation.dismissKept(fleet, (stored, socket) => isOther(socket) && isThere(stored, socket));
  const take = (slot?: number): ActivatedSocket | undefined =>
    activation.takeKept(plan, (stored, socket) => stored.slot === slot && isThere(stored, socket));
  if (kept.sharing !== 'sharded' || plan.kind === 'unix') return [take() ?? []].flat();
  const found: ActivatedSocket[] = [];
  for (let next = take(0); next !== undefined; next = take(found.length)) found.push(next);
  // The manager has not kept one of them: those behind it are not at the places of their slots any more.
  activation.dismissKept(fleet, (stored, socket) => stored.slot !== undefined && isThere(stored, socket));
  return found;
}

/** As {@link OpenListener.file}. While a socket is open the kernel gives the number of its file to no other one. */
function fileAt(path: string): string | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found && `${found.dev}-${found.ino}`;
}
