/** Messages of the master that arrive before anything in this worker listens to them. Bounded, and none that was taken is lost. */

import { MESSAGE_OVERHEAD } from '../protocol/protocol.cjs';

/**
 * Bytes, as JSON. From here on the master takes no more of its user: what it had taken until it hears of that still comes, and that is
 * no more than a channel holds (`WAITING_LIMIT`).
 */
const ENOUGH = 1024 * 1024;

export interface EarlyLinks {
  /** Whether the master may send messages of its user: false when enough wait, true when they are heard. */
  hearing(messages: boolean): void;
  warn(text: string): void;
}

export class EarlyMessages {
  readonly #links: EarlyLinks;
  /** As JSON: what it is parsed into may need ten times the memory. */
  #waiting: string[] = [];
  #held = 0;
  #reported = false;

  constructor(links: EarlyLinks) {
    this.#links = links;
  }

  add(message: unknown): void {
    const text = JSON.stringify(message);
    this.#waiting.push(text);
    this.#held += text.length + MESSAGE_OVERHEAD;
    if (this.#reported || this.#held < ENOUGH) return;
    this.#reported = true;
    this.#links.hearing(false);
    this.#links.warn(
      `nothing here listens to the messages of the master (worker.on('message')): ${(this.#held / ENOUGH).toFixed(1)} MB ` +
        'wait, and send() is false in the master until something does',
    );
  }

  /** Something listens now. */
  take(): unknown[] {
    const texts = this.#waiting;
    this.#waiting = [];
    if (this.#reported) this.#links.hearing(true);
    return texts.map((text) => JSON.parse(text) as unknown);
  }
}
