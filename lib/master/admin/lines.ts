/** Cuts what a client sends into lines, and holds no more than one of them and what arrived behind it. */

const NEWLINE = 10;

export const TOO_LONG = Symbol('too long');

export class Lines {
  readonly #longest: number;
  #waiting: Buffer = Buffer.alloc(0);

  /** @param longest Bytes of a line, without its end. */
  constructor(longest: number) {
    this.#longest = longest;
  }

  add(bytes: Buffer): void {
    this.#waiting = this.#waiting.length === 0 ? bytes : Buffer.concat([this.#waiting, bytes]);
  }

  /** `undefined`: no line has ended yet. `TOO_LONG`: the one that comes, or has come, is. */
  next(): string | typeof TOO_LONG | undefined {
    const end = this.#waiting.indexOf(NEWLINE);
    if (end > this.#longest || (end === -1 && this.#waiting.length > this.#longest)) return TOO_LONG;
    if (end === -1) return undefined;
    const line = this.#waiting.toString('utf8', 0, end);
    this.#waiting = this.#waiting.subarray(end + 1);
    return line;
  }
}
