/** What only a master on Windows loads. */

import type { TcpPlan } from '../../options/settings.js';

export { holdingNewborns, startProcess, windowsCommand } from './launch.js';
export { WindowsProcess } from './worker-process.js';

/** What a person can do about an address that cannot be listened on. */
export function windowsWayOut(code: string, { port, host }: TcpPlan): string | undefined {
  switch (code) {
    case 'EADDRINUSE':
      return `another process listens there, perhaps another master of this program; netstat -ano | findstr :${port} shows it`;
    case 'EACCES':
      return (
        `another process holds the port, or the system keeps it for itself: netstat -ano | findstr :${port} and ` +
        'netsh interface ipv4 show excludedportrange protocol=tcp show which'
      );
    case 'EADDRNOTAVAIL':
      return host === undefined
        ? 'this machine has no such address'
        : `no interface of this machine has the address ${host}`;
    default:
      return undefined;
  }
}
