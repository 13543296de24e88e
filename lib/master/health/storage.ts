/**
 * Whether the service manager stores descriptors. Workers that lose their master seal a socket for good, unless the next master may go on with
 * it: so they have to know before they serve.
 */

import type { System, Timer, Witness } from '../../system/system.js';

/** Milliseconds for a manager to read its notices. One that does not is taken for one that stores: then no socket is sealed that it has. */
const PATIENCE = 500;
/** What a manager closes it may close in another thread: milliseconds behind its next notice. */
const BEHIND = 50;
const NAME = 'prefork-probe';

export interface Asked {
  readonly address: string;
  readonly system: Pick<System, 'after' | 'notify' | 'openWitness'>;
}

/**
 * systemd says so in FDSTORE since its version 254, where the service has FileDescriptorStoreMax=. The absence of that variable says nothing.
 * So the manager is sent a descriptor to store, and behind it one to close: what it does not store it closes before.
 */
export async function storesDescriptors({ address, system }: Asked): Promise<boolean> {
  const { notify, openWitness } = system;
  if (notify === undefined || openWitness === undefined) return true;
  const opened: Witness[] = [];
  let reached = true;
  const send = async (lines: readonly string[]): Promise<Witness> => {
    const witness = await openWitness();
    opened.push(witness);
    reached = false;
    const sent = notify({ address, text: lines.join('\n'), fds: [witness.fd] });
    reached = true;
    witness.sent();
    // Its queue is full: nothing will be heard of it.
    return sent ? witness : { ...witness, closed: new Promise(() => {}) };
  };
  const timers: Timer[] = [];
  let over = false;
  const after = (ms: number): Promise<true> =>
    new Promise((resolve) => {
      if (!over) timers.push(system.after(ms, () => resolve(true)));
    });
  try {
    // Without FDPOLL=0 the manager forgets it when this process closes its end, or is killed.
    const stored = (await send(['FDSTORE=1', `FDNAME=${NAME}`])).closed.then(() => false);
    const read = (await send(['BARRIER=1'])).closed.then(() => after(BEHIND));
    return await Promise.race([stored, read, after(PATIENCE)]);
  } catch {
    // It cannot be notified, which the log has from the first notice of the fleet. Or this process is short of descriptors.
    return reached;
  } finally {
    over = true;
    for (const timer of timers) timer.cancel();
    for (const witness of opened) {
      witness.sent();
      witness.close();
    }
    dismiss(notify, address);
  }
}

/** A manager of before polls nothing. One that does not listen is logged with the first notice of the fleet. */
function dismiss(notify: NonNullable<System['notify']>, address: string): void {
  try {
    notify({ address, text: `FDSTOREREMOVE=1\nFDNAME=${NAME}`, fds: [] });
  } catch {
    // As above.
  }
}
