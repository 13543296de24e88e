/** What a worker does when its master died; bounded by the native watch, which ends the process at the end of the grace. */

import { stackOf } from '../common/in-words.cjs';
import type { Log } from '../common/log.js';
import type { Settings } from '../options/settings.js';

/** The exit code of a worker that lost its master, unless the app chose another one. Never 0. */
export const ORPHAN_EXIT_CODE = 1;

/** What the native watch has to do by itself. */
export function watchPolicy(settings: Pick<Settings, 'onMasterDeath' | 'gracePeriod'>): {
  readonly grace: number | null;
  readonly keepDeathSignal: boolean;
} {
  const { onMasterDeath, gracePeriod } = settings;
  if (onMasterDeath === false) return { grace: null, keepDeathSignal: false };
  if (onMasterDeath === 'kill') return { grace: 0, keepDeathSignal: true };
  // A grace of 0 would mean: without calling back.
  return { grace: Math.max(1, gracePeriod), keepDeathSignal: false };
}

/** Runs the policy of the fleet. Called at most once, by the watch. */
export function onMasterDied(settings: Pick<Settings, 'onMasterDeath'>, log: Log, drain: () => void): void {
  exitNonZero();
  const { onMasterDeath } = settings;
  if (typeof onMasterDeath !== 'function') {
    log.warn('the master died; draining', { event: 'orphan' });
    drain();
    return;
  }
  log.warn('the master died; running onMasterDeath', { event: 'orphan' });
  // Promise.resolve().then: a synchronous throw and a rejection end the same way.
  Promise.resolve()
    .then(onMasterDeath)
    .catch((error: unknown) => log.error(`onMasterDeath failed: ${stackOf(error)}`, { event: 'hook', error }))
    .finally(() => process.exit());
}

/** Also when the app calls process.exit(0), or sets the code itself on its way out: the code is looked at last. */
function exitNonZero(): void {
  process.on('exit', () => {
    if (Number(process.exitCode ?? 0) === 0) process.exitCode = ORPHAN_EXIT_CODE;
  });
}
