/**
 * The socket that an earlier master of the fleet had the service manager keep: this master goes on with it, as its own, and with the
 * connections in its queue.
 */

import { lstatSync } from 'node:fs';
import { posix } from '../../addon/narrow.cjs';
import type { BoundSocket, CommonAddon } from '../../addon/native.cjs';
import type { Log } from '../../common/log.js';
import { placeText } from '../../common/system-error.js';
import type { BoundPlan, ListenPlan } from '../../options/settings.js';
import type { OpenListener } from '../open-listener.js';
import { type ActivatedSocket, type Activation, sameAddress } from './activation.js';
import type { ResolvedAddress } from './lookup.js';
import type { StoredName } from './stored-names.js';

export interface Kept {
  readonly activation: Activation;
  readonly native: CommonAddon;
  readonly log: Log;
  readonly fleet: string;
  /** More plans come later. */
  readonly moreLater?: boolean | undefined;
  /** What the hosts of the plans mean. */
  readonly addresses: ReadonlyMap<ListenPlan, readonly ResolvedAddress[]>;
}

/**
 * From here on they are as if the master had bound them just now. What was kept for the fleet, and none of the plans wants, is closed, unless
 * more plans come later.
 * @param adopt Makes a listener of a socket, which was kept under a name.
 * @throws what `adopt` throws; the socket is closed then, and the manager goes on keeping it.
 */
export function goOn(
  plans: readonly BoundPlan[],
  kept: Kept,
  adopt: (plan: BoundPlan, socket: BoundSocket, name: string) => void,
): void {
  const { activation, native, log, fleet, addresses, moreLater } = kept;
  for (const plan of plans) {
    const found = find(plan, addresses.get(plan) ?? [], kept);
    if (found === undefined) continue;
    const { fd, stored } = found;
    const { family, address, port } = found.socket;
    try {
      posix(native).setNonBlocking(fd);
      posix(native).setBacklog(fd, plan.backlog);
      adopt(plan, { fd, family, address, port } as BoundSocket, (stored as StoredName).listener);
    } catch (error) {
      native.closeFd(fd);
      throw error;
    }
    const place = plan.kind === 'unix' ? plan.path : placeText(address, port as number);
    log.info(`listener '${plan.name}': going on with the socket that the service manager has kept, ${place}`, {
      event: 'listen',
    });
  }
  if (moreLater === true) activation.leaveKept(fleet);
  else activation.dismissKept(fleet);
}

function find(
  plan: BoundPlan,
  addresses: readonly ResolvedAddress[],
  { activation, fleet, native }: Kept,
): ActivatedSocket | undefined {
  const isOpen = (file: string | undefined): boolean =>
    plan.kind === 'unix' &&
    file !== undefined &&
    file === fileAt(plan.path) &&
    // Its file may be there, and its clients refused: a stop had begun.
    posix(native).probeUnix(plan.path) === 'live';
  return activation.takeKept(plan, (kept, socket) => {
    if (kept.fleet !== fleet) return false;
    // A name in no folder.
    if (plan.kind === 'unix' && plan.path.startsWith('\0')) return socket.address === plan.path;
    if (plan.kind === 'unix') return isOpen(kept.file);
    const named = kept.listener === (plan.storedAs ?? plan.name);
    const samePort = plan.port === 0 ? named : socket.port === plan.port;
    return samePort && addresses.some(({ address }) => sameAddress(address, socket.address));
  });
}

/** As {@link OpenListener.file}. While a socket is open the kernel gives the number of its file to no other one. */
function fileAt(path: string): string | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found && `${found.dev}-${found.ino}`;
}
