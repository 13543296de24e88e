/** What a worker leaves behind for the error that says why it failed: the error that it reported, and the end of its stderr. */

import type { BootError } from '../../protocol/protocol.cjs';

/** How much of a worker's stderr an error quotes. */
const STDERR_LINES = 20;
const STDERR_CHARS = 8_192;

export class Evidence {
  #bootError: BootError | undefined;
  #stderr = '';

  /** The worker reported the error that ended it. */
  failed(error: BootError): void {
    this.#bootError = error;
  }

  /** The worker wrote to stderr. */
  wrote(text: string): void {
    this.#stderr = (this.#stderr + text).slice(-STDERR_CHARS);
  }

  /** The worker is ready: its output so far explains no later end. */
  forgetOutput(): void {
    this.#stderr = '';
  }

  /** The last lines. */
  get stderr(): string {
    return this.#stderr.trimEnd().split('\n').slice(-STDERR_LINES).join('\n');
  }

  get cause(): Error | undefined {
    if (this.#bootError === undefined) return undefined;
    const { name, message, stack, code } = this.#bootError;
    const error = new Error(message);
    error.name = name;
    if (stack !== undefined) error.stack = stack;
    return code === undefined ? error : Object.assign(error, { code });
  }
}
