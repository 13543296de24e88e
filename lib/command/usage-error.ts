/** What the user can repair on the command line or in the configuration file. The command prints the message and exits with code 2. */

export class UsageError extends Error {}

/** Of a value. The same words for the command line and the configuration file. */
export function wrongValue(option: string, allowed: string, shown: string, file?: string): UsageError {
  return new UsageError(`${file === undefined ? '' : `${file}: `}option '${option}' must be ${allowed}; got ${shown}`);
}

/** A name that does not exist. The nearest one is looked for when the error is printed, in code that is loaded late. */
export class UnknownOption extends UsageError {
  /** As the user wrote it, with dashes. */
  readonly written: string;

  constructor(written: string) {
    super(`there is no option '${written}'`);
    this.written = written;
  }
}
