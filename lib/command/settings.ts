/** The options of a fleet whose program knows nothing of prefork: the command calls it. */

import { invalidOption } from '../common/errors.js';
import { resolveOptions } from '../options/resolve.js';
import type { Settings } from '../options/settings.js';
import type { HostedProgram } from '../protocol/protocol.cjs';
import type { PreforkOptions } from '../types.js';

/** What the program is asked beside the options of its fleet. */
export interface Hosting {
  /** The program says when it is ready, by `process.send('ready')`. */
  readonly waitReady: boolean;
}

/** Milliseconds that a program may still take for what it does by itself, after its last connection. */
const EXIT_AFTER_DRAIN = 500;

/** Not to be had where the program makes its own servers, and is the program. */
const NOT_HERE = {
  serve: 'the program starts its servers by itself',
  tls: 'the program has its own certificates: it makes its own server',
  readiness: 'the workers run the program, and speak the control channel',
  exec: 'the workers run the program that the command names',
  args: 'what follows the program are its arguments',
  cluster: 'node:cluster shows a worker in each process of the program anyway',
} as const;

/** The option `listen` is what is open before the first worker asks. */
export function resolveHosted(options: Partial<PreforkOptions>, { waitReady }: Hosting, defaultName: string): Settings {
  for (const [name, why] of Object.entries(NOT_HERE)) {
    const value = options[name as keyof typeof NOT_HERE];
    if (value !== undefined) throw invalidOption(name, value, `left out: ${why}`);
  }
  const settings = resolveOptions({ ...options, listen: options.listen ?? 0, serve: () => {} }, defaultName);
  const listen = options.listen === undefined ? [] : settings.listen;
  const { sharing } = settings;
  const { launch, logger, logFormat, gracePeriod, readyTimeout, exitAfterDrain, recycle, onMasterDeath } = settings;
  if (typeof onMasterDeath === 'function')
    throw invalidOption('onMasterDeath', onMasterDeath, "'kill' or false: a function does not reach the program");
  const hosted: HostedProgram = {
    silent: logger === false,
    ...(logFormat === 'json' && { logFormat }),
    waitReady,
    sharing,
    gracePeriod,
    readyTimeout,
    exitAfterDrain: exitAfterDrain ?? EXIT_AFTER_DRAIN,
    ...(recycle !== undefined && { recycle }),
    ...(onMasterDeath !== undefined && { onMasterDeath }),
  };
  return { ...settings, listen, launch: { ...launch, hosted: JSON.stringify(hosted) } };
}
