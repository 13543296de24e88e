/**
 * What a worker does between hearing that it has to stop and not accepting any more: it accepts what has connected by then.
 *
 * What is queued when a whole fleet stops, no other worker would accept, and the kernel resets it with the listener. Where the listener is
 * sealed (`sealListener` of native.cts) that ends by itself: no client connects any more, and when none is on the way in, none ever
 * will be. Elsewhere clients go on coming, and only a time can end it.
 */

import { afterPendingReads } from './quiet.js';

/** How long a worker goes on accepting for clients that connect after the stop has begun, at the most. Milliseconds. */
const ACCEPT_LIMIT = 250;

/**
 * Clients for whom there is no place: of the time that there is, and at the most, how long they wait for one, and how long it takes until the
 * application hears of the end. Not at once: many an application closes its servers then. Milliseconds.
 */
const FOR_PLACES = { share: 0.5, most: 30_000 } as const;
const UNTIL_ABORT = { share: 0.125, most: 1_000 } as const;

/**
 * A worker that gives way to another one accepts nothing for up to 0.4 s (kLongestYoungYield of native/posix/deal.cc), and longer where it gets
 * no CPU; the other one may be late as well. No client comes to a queue that is sealed: so long it is not left while it holds one.
 */
const FOR_A_TURN = { share: 0.5, most: 2_000 } as const;

/** Systems that do not report the length of a queue: the worker accepts for this share of the grace period, within bounds. */
const ACCEPT_WITHOUT_QUEUE_LENGTH = { share: 0.5, most: 30_000 } as const;

/** Milliseconds between looks while no connection has come, and one still may. */
const LOOK_AGAIN = 5;

/** The queues of a worker's listeners. */
export interface AcceptQueues {
  /** Accepts what the next turn of the event loop would not find by itself. */
  acceptQueued(): void;
  /** How many wait; `undefined` where the kernel does not report it. */
  queued(): number | undefined;
  /** How many are in the middle of a handshake, as far as the kernel reports it. */
  arriving(): number;
  /** Listeners that are sealed refuse newcomers at once from now on, as far as possible, instead of leaving them unanswered. */
  refuse(): void;
}

export interface LastCall {
  readonly queues: AcceptQueues;
  /** How many connections there ever were. */
  accepted(): number;
  /** Milliseconds until whatever is left is cut; `Infinity` when nothing is. A new order may move it. */
  left(): number;
  /** Whether the listeners refuse new connections. */
  sealed(): boolean;
  /** Whether the master may still have something to say about it. */
  undecided(): boolean;
  /** Whether the worker has no place for another connection, and a connection whose end would be one. */
  full(): boolean;
  /** Finishes what it has accepted, and goes on accepting: a place comes with each connection that ends. May be called again. */
  finish(): void;
  /** The application is asked to finish. May be called again. */
  abort(): void;
}

/**
 * Calls `next` when the accept queues are empty, or when what was in them is accepted and new connections go on coming. libuv accepts one
 * connection per listener and turn of the event loop (since 1.45), and the turns serve whom they have accepted, however long that
 * takes; a turn that brought none has found none, has given way to another worker, or has no place for it.
 */
export function acceptRest(call: LastCall, next: () => void): void {
  const { queues } = call;
  const begun = performance.now();
  const first = call.accepted();
  const waiting = queues.queued();
  const all = first + (waiting ?? 0);
  const untold = waiting === undefined ? part(call.left(), ACCEPT_WITHOUT_QUEUE_LENGTH) : 0;
  let until = begun + Math.max(ACCEPT_LIMIT, untold);
  let sealed = false;
  let refused = false;
  const late = (): boolean => performance.now() >= until;
  const waitForThem = (): boolean => {
    const now = performance.now();
    const gone = now - begun;
    const time = gone + call.left();
    if (!sealed || !someWait(queues)) return false;
    if (!call.full()) return gone < part(time, FOR_A_TURN);
    if (gone >= part(time, FOR_PLACES)) return false;
    if (!refused && gone >= ACCEPT_LIMIT && queues.arriving() === 0) {
      refused = true;
      queues.refuse();
    }
    call.finish();
    if (gone >= part(time, UNTIL_ABORT)) call.abort();
    // A place that comes is taken in one of the next turns.
    until = Math.max(until, now + ACCEPT_LIMIT);
    return true;
  };
  const look = (before: number): void =>
    afterPendingReads(() => {
      if (!sealed && call.sealed()) {
        sealed = true;
        // Who was on the way in then has as long as if the order had come with the signal.
        until = Math.max(until, performance.now() + ACCEPT_LIMIT);
      }
      queues.acceptQueued();
      const now = call.accepted();
      if (now !== before) {
        if (!call.sealed() && !call.undecided() && now >= all && late()) next();
        else look(now);
      } else if (waitForThem() || call.undecided() || (!late() && (sealed ? !empty(queues) : someWait(queues)))) {
        setTimeout(look, LOOK_AGAIN, now);
      } else {
        next();
      }
    });
  look(first);
}

function part(time: number, { share, most }: { readonly share: number; readonly most: number }): number {
  return Math.min(time * share, most);
}

/** In this order: who is no longer on the way is in the queue. */
function empty(queues: AcceptQueues): boolean {
  return queues.arriving() === 0 && !someWait(queues);
}

/** A turn may have accepted none of them all the same: a worker that has more than the others gives way to them. */
function someWait(queues: AcceptQueues): boolean {
  return (queues.queued() ?? 0) > 0;
}
