/**
 * Under which name the service manager keeps a listener for the next master of the fleet (FDNAME of sd_notify(3)). `listeners/stored.ts` reads
 * it among LISTEN_FDNAMES.
 */

/** Before the name of the fleet. */
export const STORED = 'prefork.';
/** sd_pid_notify_with_fds(3): longer ones are refused. */
const LONGEST = 255;

/** What the names of a fleet begin with. */
export function storedPrefix(fleet: string): string {
  return `${STORED}${encoded(fleet)}.`;
}

/**
 * `undefined` for a name that is too long to be kept.
 * @param which Of a unix socket: which file leads to it. Of the sockets of an address that is `'sharded'`: the slot.
 */
export function storedName(fleet: string, listener: string, which?: string | number): string | undefined {
  const name = `${storedPrefix(fleet)}${encoded(listener)}${which === undefined ? '' : `.${which}`}`;
  return name.length > LONGEST ? undefined : name;
}

/** Printable ASCII without a colon, and without what separates the parts. */
function encoded(part: string): string {
  return encodeURIComponent(part).replaceAll('.', '%2E');
}
