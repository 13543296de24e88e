/** The control channel: JSON lines over one end of a socketpair. The same code on both sides. */

import type { MasterMessage, WorkerMessage } from './protocol.cjs';

export interface ChannelEvents<In> {
  message(message: In): void;
  /** Once, when the other side is gone or {@link Channel.close} was called; everything it sent has been delivered before. */
  close(): void;
  /** A line that is not a message of the protocol; the channel goes on. */
  garbage(line: string): void;
}

/** In: what arrives. Out: what is sent. */
export declare class Channel<In extends MasterMessage | WorkerMessage, Out extends MasterMessage | WorkerMessage> {
  /** Takes ownership of `fd`. */
  constructor(fd: number, events: ChannelEvents<In>);
  readonly closed: boolean;
  /** False when the channel is closed. Never throws for a peer that is gone; throws a TypeError for what JSON cannot carry. */
  send(message: Out): boolean;
  /** Whether an open channel keeps the event loop alive. Default: it does. */
  ref(): void;
  unref(): void;
  close(): void;
}
