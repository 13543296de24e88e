/** `listen: { fd }`: a socket under a number that the program names. */

import { posix } from '../../addon/narrow.cjs';
import { PreforkError } from '../../common/errors.js';
import { reasonOf } from '../../common/in-words.cjs';
import type { InheritedPlan } from '../../options/settings.js';
import type { Activation } from './activation.js';
import { type Described, describe } from './describe-socket.js';
import { notASocket } from './not-a-socket.js';
import type { ActivatedSocket, ActivationContext } from './passed-sockets.js';

/** A socket that another program opened, and the master goes on holding as long as it lives. */
export type Adopted = Pick<ActivatedSocket, 'fd' | 'socket'> & { readonly by: { readonly who: string } };

const STARTED_BY = { who: 'the program that started the master' };
/** Descriptors above these are no standard streams. */
const LAST_STREAM = 2;

/**
 * The descriptor that the option names. The master works with a copy: 0 is also its standard input, and the number stays taken.
 * @throws PreforkError `ERR_PREFORK_INHERITED_LISTENER` when it is no listening socket.
 */
export function inherited(
  { fd }: InheritedPlan,
  context: Pick<ActivationContext, 'native' | 'notASocket'>,
  activation?: Activation,
): Adopted {
  const native = posix(context.native);
  const refuse = (what: string, cause?: unknown): PreforkError =>
    new PreforkError(
      'ERR_PREFORK_INHERITED_LISTENER',
      `Descriptor ${fd}, which the option 'listen' names, ${what}: start the master by the program that opens the socket, or name another descriptor`,
      cause === undefined ? {} : { cause },
    );
  let found: Described;
  try {
    const socket = native.inspectListener(fd);
    const other = socket.family === 'other' ? (context.notASocket ?? notASocket)(fd) : undefined;
    found = { socket, ...(other && { fifo: other }) };
  } catch (error) {
    throw refuse(`cannot be used (${reasonOf(error)})`, error);
  }
  const { socket } = found;
  if (socket.family === 'other' || socket.type !== 'stream' || !socket.listening)
    throw refuse(`is ${describe(found)}, not a listening stream socket`);
  const passed = activation?.takeByNumber(fd);
  if (passed !== undefined) return passed;
  if (fd > LAST_STREAM) native.setCloseOnExec(fd);
  return { fd: native.dupFd(fd), socket, by: STARTED_BY };
}
