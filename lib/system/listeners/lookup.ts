/** Host names become addresses once, in the master: workers and recoveries can never end up on different ones. */

import { isIP } from 'node:net';
import { explained } from '../../common/system-error.js';
import type { TcpPlan } from '../../options/settings.js';

export interface ResolvedAddress {
  readonly family: 'IPv4' | 'IPv6';
  readonly address: string;
}

/** `dns.promises.lookup` with `all: true`; faked in unit tests. */
export type Lookup = (
  host: string,
  options: { readonly all: true; readonly family: 0 | 4 | 6 },
) => Promise<readonly { readonly address: string; readonly family: number }[]>;

const FAMILY = { tcp: 0, tcp4: 4, tcp6: 6 } as const;

/**
 * The addresses to try, best first: the first one that this machine has is used. `/etc/hosts` often says that localhost
 * is `::1` where IPv6 is switched off.
 * @param option Path of the option, for the message.
 * @throws the error of getaddrinfo(3): `code` (e.g. `ENOTFOUND`), `syscall`, `hostname`.
 */
export async function resolveHost(option: string, plan: TcpPlan, lookup?: Lookup): Promise<readonly ResolvedAddress[]> {
  const { host = '', network, ipv6Only } = plan;
  const numeric = numericAddresses(plan);
  if (numeric !== undefined) return numeric;
  try {
    // Loaded only for a name: most fleets listen on numbers, and a master is kept small.
    const ask: Lookup = lookup ?? (await import('node:dns/promises')).lookup;
    const found = await ask(host, { all: true, family: ipv6Only ? 6 : FAMILY[network] });
    return found.map(({ address, family }) => ({ family: family === 4 ? 'IPv4' : 'IPv6', address }));
  } catch (error) {
    const kind = network === 'tcp' ? '' : ` to an address for network '${network}'`;
    throw explained(
      error,
      `option '${option}': the name cannot be resolved here${kind}; correct it or use a numeric address`,
    );
  }
}

/** The same without a question; `undefined` for a name. */
export function numericAddresses({ host, network, ipv6Only }: TcpPlan): readonly ResolvedAddress[] | undefined {
  const any4: ResolvedAddress = { family: 'IPv4', address: '0.0.0.0' };
  const any6: ResolvedAddress = { family: 'IPv6', address: '::' };
  if (host === undefined) {
    if (network === 'tcp4') return [any4];
    return network === 'tcp6' || ipv6Only ? [any6] : [any6, any4];
  }
  const version = isIP(host);
  return version === 0 ? undefined : [{ family: version === 4 ? 'IPv4' : 'IPv6', address: host }];
}
