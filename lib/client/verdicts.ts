/** Answers to requests that change a fleet, in words. */

import type { AdminError, AdminReload, AdminScale, AdminWorker } from '../protocol/admin.js';
import { plural } from './words.js';

/** How long it took, as the person who waited has seen it. */
export function reloaded({ generation, replaced }: AdminReload, tookMs: number): string {
  return `reloaded in ${(tookMs / 1_000).toFixed(1)} s: generation ${generation}, ${plural(replaced.length, 'worker')} replaced`;
}

export function scaled({ from, to }: AdminScale): string {
  return from === to ? `${plural(to, 'worker')}, as before` : `scaled from ${from} to ${plural(to, 'worker')}`;
}

/** The reason, what the worker wrote last, and who serves now. */
export function refused(what: string, error: AdminError, stayed?: readonly AdminWorker[]): string {
  const { message, exits = [] } = error;
  const wrote = exits.filter(({ stderr }) => stderr.trim() !== '');
  // What follows stands below, with the name of the worker.
  const [reason = message] = wrote.length > 0 ? message.split('; its last words on stderr:\n') : [message];
  const lines = [
    `${what} failed: ${reason}`,
    ...wrote.flatMap(({ slot, pid, stderr }) => [
      `stderr of worker ${slot} (pid ${pid}):`,
      ...stderr
        .trimEnd()
        .split('\n')
        .map((line) => `  ${line}`),
    ]),
    ...(stayed === undefined ? [] : [serving(stayed)]),
  ];
  return lines.join('\n');
}

function serving(workers: readonly AdminWorker[]): string {
  if (workers.length === 0) return 'no worker serves';
  const each = workers.map(({ slot, pid, generation }) => `worker ${slot} (pid ${pid}, generation ${generation})`);
  return `serving: ${each.join(', ')}`;
}
