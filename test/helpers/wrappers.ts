/** Commands that run a fixture in other circumstances: `startFleet(config, { wrapper: inPidNamespace })`. */

import { fileURLToPath } from 'node:url';
import { commandWorks } from './skip.js';

/** The fixture is PID 1 of a PID namespace of its own. `master.pid` is that of unshare(1), outside. */
export const inPidNamespace = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'] as const;

/** False without privilege or unshare(1): `testWhen(canUnsharePids(), 'needs unshare --pid')`. */
export const canUnsharePids = (): boolean => commandWorks(...inPidNamespace, 'true');

/** One system call of `test/fixtures/refuse-syscall.py` fails with this error, in the fixture and all it starts. */
export function refusing(syscall: string, error: string): readonly [string, ...string[]] {
  return ['python3', fileURLToPath(new URL('../fixtures/refuse-syscall.py', import.meta.url)), syscall, error];
}

/** False without python3 or seccomp: `testWhen(canRefuseSyscalls(), 'needs python3 and seccomp')`. */
export const canRefuseSyscalls = (): boolean => commandWorks(...refusing('pidfd_open', 'EPERM'), 'true');

/** @param most How many descriptors the process behind it may have open. */
export function withDescriptors(most: number): readonly string[] {
  return ['sh', '-c', `ulimit -n ${most} && exec "$@"`, 'sh'];
}
