/** What a person can do about an address of TCP that cannot be bound, on POSIX. */

import type { TcpPlan } from '../../options/settings.js';

export function wayOut(code: string, { port, host, network }: TcpPlan): string | undefined {
  switch (code) {
    case 'EADDRINUSE':
      return `another process listens there, perhaps another master of this program; ss -ltnp 'sport = :${port}' (macOS: lsof -nP -iTCP:${port}) shows it`;
    case 'EACCES':
      return (
        'ports below net.ipv4.ip_unprivileged_port_start need CAP_NET_BIND_SERVICE: start the master as root and set uid ' +
        'and gid for the workers, let the service manager open the socket, or use a higher port'
      );
    case 'EADDRNOTAVAIL':
      return host === undefined
        ? 'this machine has no such address'
        : `no interface of this machine has the address ${host}`;
    case 'EINVAL':
      return host?.includes('%')
        ? 'only a link-local address has a zone, and it is the name of an interface'
        : undefined;
    case 'EAFNOSUPPORT':
      return network === 'tcp6'
        ? "IPv6 is switched off here: use network 'tcp'"
        : 'the address family is switched off here';
    default:
      return undefined;
  }
}
