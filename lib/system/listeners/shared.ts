/** One socket on an address, for all workers: what `open.ts` opens usually, and `posix/ahead.ts` before the rest of the master is loaded. */

import type { CommonAddon } from '../../addon/native.cjs';
import { isSystemError } from '../../common/system-error.js';
import type { TcpPlan } from '../../options/settings.js';
import type { OpenListener } from '../open-listener.js';
import { type ListenerContext, listenerOf } from './listener-of.js';
import type { ResolvedAddress } from './lookup.js';

export function openShared(
  plan: TcpPlan,
  { family, address }: ResolvedAddress,
  context: ListenerContext & { readonly native: CommonAddon },
): OpenListener {
  const { native } = context;
  const { port, backlog } = plan;
  const ipv6Only = family === 'IPv6' && plan.ipv6Only;
  const bound = native.listen({ family, address, port, ipv6Only, backlog, reusePort: false });
  return listenerOf(plan, bound, { ipv6Only }, context, () => native.closeFd(bound.fd));
}

/** The address family is switched off, or no interface has the address (bind(2), ip(7)). */
const ABSENT = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL']);

/** Opens the first address that this machine has. @throws every other error. */
export function onFirst<T>(addresses: readonly ResolvedAddress[], open: (address: ResolvedAddress) => T): T {
  const last = addresses.length - 1;
  for (const [index, address] of addresses.entries()) {
    try {
      return open(address);
    } catch (error) {
      if (index === last || !isSystemError(error) || !ABSENT.has(error.code)) throw error;
    }
  }
  throw new Error('A listener without an address');
}
