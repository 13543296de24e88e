/** The inspector of a worker, as its answers to the master's pings name it, and its end. */

import { BlockList } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { InspectorPort, ListeningAddress } from '../protocol/protocol.cjs';

/** The signal that opens the inspector may be on its way. Milliseconds. */
const ON_THE_WAY = 1_000;
/** Of ws://, the scheme of every inspector: a URL does not show it. */
const DEFAULT_PORT = 80;

/**
 * `--inspect-port=0` is 0 until the inspector is open, and then the port that it got. Asking node:inspector itself would cost every
 * worker more than a megabyte.
 */
export function inspectorPort(): { readonly inspector?: InspectorPort } {
  if (process.debugPort > 0) return { inspector: process.debugPort };
  return process.listenerCount('SIGUSR1') > 0 ? { inspector: false } : {};
}

/**
 * Ends the connections of debuggers, too.
 * @param before Where this process listened before the question that may have opened the inspector: one there is the program's.
 */
export async function closeInspector(before: readonly ListeningAddress[] = []): Promise<void> {
  const { close, url } = await import('node:inspector');
  // A process that was stopped may read the message before it takes the signal.
  if (url() === undefined) await delay(ON_THE_WAY, undefined, { ref: false });
  const open = url();
  if (open !== undefined && !(await isAmong(before, new URL(open)))) close();
}

/** Another socket at the same port, of another host, leaves room for the inspector that the question opens. */
async function isAmong(before: readonly ListeningAddress[], { hostname, port }: URL): Promise<boolean> {
  const there = before.filter((listening) => listening.port === Number(port || DEFAULT_PORT));
  if (there.length === 0) return false;
  const known = new BlockList();
  for (const { host } of there) known.addAddress(host, host.includes(':') ? 'ipv6' : 'ipv4');
  const { lookup } = await import('node:dns/promises');
  // The program may have given a name. Some of its addresses may be none of this machine.
  const addresses = await lookup(hostname.replace(/^\[|\]$/g, ''), { all: true });
  return addresses.some(({ address, family }) => {
    // `::` may be of IPv6 alone; where it is not, the kernel refuses an inspector of IPv4.
    const [type, wildcard] = family === 6 ? (['ipv6', '::'] as const) : (['ipv4', '0.0.0.0'] as const);
    return known.check(address, type) || there.some(({ host }) => host === wildcard);
  });
}
