/** Several sockets on one address: one for each slot, or those that workers bind. */

import { linux } from '../../addon/narrow.cjs';
import type { BoundSocket, CommonAddon, TcpListenRequest } from '../../addon/native.cjs';
import type { TcpPlan } from '../../options/settings.js';
import type { OpenListener } from '../open-listener.js';
import { SlotSockets } from '../slot-sockets.js';
import { type ListenerContext, type ListenerDetails, listenerOf } from './listener-of.js';

interface SlotsContext extends ListenerContext {
  readonly native: CommonAddon;
  /** `'sharded'`: how many sockets an address gets now. */
  readonly slots: number;
}

type GuardRequest = Omit<TcpListenRequest, 'backlog' | 'reusePort'>;

/** The guard keeps other masters of the same user off the address, and holds the number of port 0. */
export function openGuarded(plan: TcpPlan, request: GuardRequest, context: SlotsContext): OpenListener {
  const { native, sharing } = context;
  const guard = linux(native).guard(request);
  const particulars = { ipv6Only: request.ipv6Only, inherited: false };
  if (sharing === 'reuseport') {
    return listenerOf(plan, guard, particulars, context, () => native.closeFd(guard.fd));
  }
  try {
    const shards = slotSockets({ ...request, port: guard.port as number }, plan, context);
    const release = (): void => {
      shards.close();
      native.closeFd(guard.fd);
    };
    return { ...listenerOf(plan, guard, particulars, context, release), shards };
  } catch (error) {
    native.closeFd(guard.fd);
    throw error;
  }
}

/**
 * The sockets that the service manager has kept for an address. They listen, and so keep other masters off it: there is no need of a guard.
 * @throws what keeps one more from being opened; those that were kept are still open then.
 */
export function goOnSharded(
  plan: TcpPlan,
  kept: readonly [BoundSocket, ...BoundSocket[]],
  details: ListenerDetails,
  context: SlotsContext,
): OpenListener {
  const [first] = kept;
  const { address, port } = first;
  const family = first.family === 'IPv6' ? 'IPv6' : 'IPv4';
  const request = { family, address, port: port as number, ipv6Only: details.ipv6Only === true } as const;
  const shards = slotSockets(request, plan, context, kept);
  return { ...listenerOf(plan, first, { ...details, inherited: false }, context, () => shards.close()), shards };
}

function slotSockets(
  { family, address, port, ipv6Only }: GuardRequest,
  { backlog }: TcpPlan,
  { native, slots, log }: SlotsContext,
  kept: readonly BoundSocket[] = [],
): SlotSockets {
  const request = { family, address, port, ipv6Only, backlog, reusePort: true } as const;
  const fds = kept.map(({ fd }) => fd);
  const shards = new SlotSockets(linux(native), log, () => native.listen(request).fd, fds);
  try {
    shards.grow(slots);
    return shards;
  } catch (error) {
    for (const fd of shards.fds.slice(fds.length)) native.closeFd(fd);
    throw error;
  }
}
