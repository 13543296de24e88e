/** Whether a socket that another program has opened can be the one of a listener. */

import { isIP, SocketAddress } from 'node:net';
import type { InspectedSocket } from '../../addon/native.cjs';
import type { BoundPlan } from '../../options/settings.js';
import { type Described, describe } from './describe-socket.js';

/** Nothing else is ever closed: it may be Node's own, or is for another part of the program. */
export function canServe({ socket: { type, listening, family } }: Pick<Described, 'socket'>): boolean {
  return type === 'stream' && listening && family !== 'other';
}

/** Why the socket cannot serve the plan, whatever its address. */
export function misfit(passed: Described, plan: BoundPlan): string | undefined {
  const wanted = plan.kind === 'unix' ? 'a unix socket' : plan.network === 'tcp' ? 'TCP' : plan.network;
  const families =
    plan.kind === 'unix' ? ['unix'] : { tcp: ['IPv4', 'IPv6'], tcp4: ['IPv4'], tcp6: ['IPv6'] }[plan.network];
  const { socket } = passed;
  const fits = canServe(passed) && families.includes(socket.family);
  return fits ? undefined : `is ${describe(passed)}, not a listening socket for ${wanted}`;
}

export function hasPortOrPath(socket: InspectedSocket, plan: BoundPlan): boolean {
  return plan.kind === 'unix' ? socket.address === plan.path : plan.port !== 0 && socket.port === plan.port;
}

/** As two systems may write it. */
export function sameAddress(a: string, b: string): boolean {
  return a === b || (isIP(a) === 6 && isIP(b) === 6 && canonical(a) === canonical(b));
}

/** `0:0:0:0:0:0:0:1` is `::1`; the zone of a link-local address stays. */
function canonical(address: string): string {
  const [digits = '', zone = ''] = address.split('%', 2);
  return `${new SocketAddress({ address: digits, family: 'ipv6' }).address}%${zone}`;
}
