/** The answers to workers that wait for a listener. The kernel may not take one at first: the master sends it again. */

import { reasonOf } from '../../common/in-words.cjs';
import { isSystemError, systemError } from '../../common/system-error.js';
import type { ListenerReply } from '../../protocol/protocol.cjs';
import type { OpenListener } from '../../system/open-listener.js';
import type { ReplyResult, System } from '../../system/system.js';

/**
 * Milliseconds until the master sends again. The kernel does not report the end of a shortage: for poll(2) the channel has room all the
 * time while sendmsg(2) fails with ENOBUFS, ENOMEM or ETOOMANYREFS.
 */
const AGAIN = 20;
/** Times, in 5 s. The worker waits for 10 s, and is to hear the reason before. */
const MOST = 250;
/** Characters. A path that is too long is part of its reason, and an answer has 8 KB, in which one character takes up to six bytes. */
const REASON = 1_000;

type Send = (text: string, fds: readonly number[]) => ReplyResult;

export class Answers {
  readonly #system: Pick<System, 'after'>;

  constructor(system: Pick<System, 'after'>) {
    this.#system = system;
  }

  /**
   * @param send Sends to the worker. What it throws no second attempt would cure.
   * @param fds Of the listener, as long as it `stands`.
   * @returns Whether the worker has it. False: it is gone.
   * @throws why it does not have it, although it waits.
   */
  async give(
    send: Send,
    reply: ListenerReply,
    { address }: OpenListener,
    fds: readonly number[],
    stands: () => boolean,
  ): Promise<boolean> {
    const result = await this.#send(send, reply, fds, stands);
    if (result === 'full') throw stands() ? notTaken(address) : new Error('it is closed');
    return result === 'sent';
  }

  /** Without a descriptor. Never throws: a worker that cannot be given this either fails when it has waited long enough. */
  async refuse(send: Send, error: unknown, stands: () => boolean): Promise<void> {
    const code = isSystemError(error) ? error.code : 'ECANCELED';
    try {
      await this.#send(send, { error: { code, message: reasonOf(error).slice(0, REASON) } }, [], stands);
    } catch {
      // The first answer has failed in the same way, which is logged.
    }
  }

  async #send(send: Send, reply: ListenerReply, fds: readonly number[], stands: () => boolean): Promise<ReplyResult> {
    const text = JSON.stringify(reply);
    for (let times = 1; ; times++) {
      const result = send(text, fds);
      if (result !== 'full' || times === MOST) return result;
      await new Promise<void>((resolve) => void this.#system.after(AGAIN, resolve));
      if (!stands()) return 'full';
    }
  }
}

/** The listener is open, and the kernel carries no descriptor of it to the worker. */
function notTaken({ family, address, port }: OpenListener['address']): Error {
  const place = family === 'unix' ? { path: address } : { address, port };
  const hint =
    'no memory, or more descriptors of this user are under way than its limit of open files allows: raise ulimit -n';
  return systemError('ENOBUFS', { syscall: 'sendmsg', ...place, hint });
}
