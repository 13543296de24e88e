/** Why a request to a running master has no answer: the message that the command prints, and its exit code. */

/** Exit codes of `prefork status` and its like, beside 0. Those of the command itself are in `command/main.ts`. */
export const EXIT = {
  /** The master says no: a reload or a scaling that failed. */
  REFUSED: 1,
  /** The request is wrong, or it is not clear which fleet is meant. */
  USAGE: 2,
  /** There is no such master, it does not answer, or it ended before it did. */
  NO_MASTER: 3,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export class ClientFailure extends Error {
  readonly exitCode: ExitCode;
  /** Stable, for `--json`. */
  readonly code: string;

  constructor(exitCode: ExitCode, code: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.exitCode = exitCode;
    this.code = code;
  }
}
