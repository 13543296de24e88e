/** Checks the options of `stop()`. */

import { checkMilliseconds, checkNames, checkObject } from './check.js';

const GRACE = 'gracePeriod';
/** Names that the command, the options of a fleet and other libraries have for it. */
const hints = (): Readonly<Record<string, string>> => ({
  grace: GRACE,
  shutdownGracePeriod: GRACE,
  timeout: GRACE,
  shutdownTimeout: GRACE,
  gracefulTimeout: GRACE,
  killTimeout: GRACE,
  stopTimeout: GRACE,
});

/**
 * @returns milliseconds, if the caller says how many.
 * @throws TypeError or RangeError `ERR_PREFORK_INVALID_OPTION`
 */
export function stopGracePeriod(options: unknown): number | undefined {
  // `process.on('SIGTERM', fleet.stop.bind(fleet))`: a handler gets the name of the signal.
  if (typeof options === 'string' && options.startsWith('SIG')) return undefined;
  const given = checkObject('options', options, `an object with ${GRACE}`);
  checkNames('', given, [GRACE], hints);
  const { [GRACE]: grace } = given;
  return grace === undefined ? undefined : checkMilliseconds(GRACE, grace, 0);
}
