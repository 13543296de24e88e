/** How many workers a fleet gets whose caller gives no number. */

import { invalidOption } from '../common/errors.js';
import { availableCpus } from './cpus.js';

/** What platforms and process managers set: the user of a container cannot change the program, and can change its environment. */
const VARIABLE = 'WEB_CONCURRENCY';
const MOST = 65_535;

/**
 * An empty variable counts as absent.
 * @throws RangeError `ERR_PREFORK_INVALID_OPTION` for a wrong one: a fleet of another size than was asked for is found late.
 */
export function defaultWorkers(env: NodeJS.ProcessEnv = process.env, cpus: () => number = availableCpus): number {
  const text = env[VARIABLE] ?? '';
  if (text === '') return cpus();
  const number = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (number >= 1 && number <= MOST) return number;
  const allowed = `given, or ${VARIABLE} in the environment be an integer from 1 to ${MOST}`;
  throw invalidOption('workers', text, allowed, { range: true, shown: `${VARIABLE}=${text.slice(0, 80)}` });
}
