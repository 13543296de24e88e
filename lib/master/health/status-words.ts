/** What `systemctl status` shows of a fleet: one line in words. */

import { showAddress } from '../../common/log.js';
import { type FleetView, served } from './fleet-view.js';

/** Characters: the manager reads messages of 4 KiB, and people read one line. */
const LONGEST = 400;

/** @param trouble What went wrong last. */
export function statusWords(fleet: FleetView, trouble?: string): string {
  const words = `${present(fleet)}${trouble === undefined ? '' : `; ${trouble}`}`.replaceAll(/\s+/g, ' ');
  return words.length > LONGEST ? `${words.slice(0, LONGEST - 1)}…` : words;
}

function present(fleet: FleetView): string {
  const all = fleet.slots();
  const ready = served(fleet);
  const where = fleet.addresses().map(showAddress).join(', ');
  const share = ready >= all ? workers(all) : `${ready} of ${workers(all)}`;
  switch (fleet.state()) {
    case 'starting':
      return `starting: ${ready} of ${workers(all)} ready`;
    case 'running':
      return `serving on ${where}: ${share} ready`;
    case 'reloading':
      return `reloading to generation ${fleet.generation() + 1}: ${share} ready`;
    case 'stopping': {
      const left = [...fleet.workers].filter(({ state }) => state !== 'exited');
      const serving = left.some(({ state }) => state === 'ready');
      return serving
        ? `stopping soon, serving on ${where}: ${share} ready`
        : `stopping${left.length === 0 ? '' : `: ${workers(left.length)} left`}`;
    }
    case 'stopped':
      return 'stopped';
  }
}

function workers(count: number): string {
  return `${count} ${count === 1 ? 'worker' : 'workers'}`;
}
