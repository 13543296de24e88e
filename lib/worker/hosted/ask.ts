/** Asks the master for a listener, and waits for it: `listen()` of Node listens before it returns, and programs rely on that. */

import type { Fd, PosixAddon } from '../../addon/native.cjs';
import type { ListenerReply, WantedListener, WireListener, WorkerMessage } from '../../protocol/protocol.cjs';

/** Milliseconds that the master may take: it answers within one turn of its event loop. */
const PATIENCE = 10_000;

export interface AskContext {
  readonly native: Pick<PosixAddon, 'awaitFds' | 'closeFd' | 'recvFds'>;
  /** Where the answers arrive. */
  readonly replies: Fd;
  say(message: WorkerMessage): boolean;
}

/** What came. Without a descriptor the worker binds a socket of its own. */
export interface Answer {
  readonly wire: WireListener;
  readonly ticketKeys: string | undefined;
  readonly fd: Fd | undefined;
}

/** What the master could not open, with the code that Node has for it. */
export class Refusal extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export class Asker {
  readonly #context: AskContext;
  #id = 0;

  constructor(context: AskContext) {
    this.#context = context;
  }

  /** @throws {@link Refusal} */
  ask(want: WantedListener): Answer {
    const { native, replies, say } = this.#context;
    const id = ++this.#id;
    if (!say({ type: 'wants-listener', id, want })) throw new Refusal('ECANCELED', 'the master is gone');
    for (const until = now() + PATIENCE; ; ) {
      const left = until - now();
      if (left <= 0) throw new Refusal('ETIMEDOUT', `the master did not open it within ${PATIENCE} ms`);
      native.awaitFds(replies, Math.ceil(left));
      const message = native.recvFds(replies);
      if (message === undefined) {
        // Nothing is there although waiting has ended before its time: the master has closed its end.
        if (now() < until) throw new Refusal('ECANCELED', 'the master is gone');
        continue;
      }
      const { tag, text, fds } = message;
      if (tag === id) return answerOf(text, fds);
      // Of a question that was given up.
      for (const fd of fds) native.closeFd(fd);
    }
  }
}

/** Milliseconds. The first use of `performance` loads five modules of Node: 0.4 ms of a start, and few programs use it before they listen. */
function now(): number {
  return process.uptime() * 1_000;
}

function answerOf(text: string, fds: readonly Fd[]): Answer {
  const reply = JSON.parse(text) as ListenerReply;
  if ('error' in reply) throw new Refusal(reply.error.code, reply.error.message);
  return { wire: reply.listener, ticketKeys: reply.ticketKeys, fd: fds[0] };
}
