import { TARGET, target } from './target.js';

const OURS = new RegExp(`^(VITEST|NODE_ENV$|NODE_OPTIONS$|NODE_CHANNEL|${TARGET}$)`);

/** A file that Node reads in a thread of its own since Node 24: a descriptor that comes and goes while tests count theirs. */
const READ_MEANWHILE = 'NODE_EXTRA_CA_CERTS';

/** The environment of the tests without the variables for vitest and the helpers. */
export function inherited(): NodeJS.ProcessEnv {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !OURS.test(name) && name !== READ_MEANWHILE),
  );
  // For fixtures, which have limits, too.
  return target.slowness === 1 ? env : { ...env, PREFORK_TEST_SLOWNESS: String(target.slowness) };
}
