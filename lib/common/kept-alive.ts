/** What keeps a process alive, in words; and the master's line when its fleets have stopped and it does not end. */

import type { Log } from './log.js';

/** Milliseconds after the last fleet of the program has stopped: what ends by itself has ended by then. */
const PATIENCE = 1_000;

/** Names of handles in JavaScript, and what getActiveResourcesInfo() calls them. */
const NAMES: Readonly<Record<string, string>> = { Pipe: 'PipeWrap', TTY: 'TTYWrap', TCP: 'TCPSocketWrap' };

/** `1 Timeout, 2 TCPServerWrap`: what Node counts of this process, but for what keeps no process alive. */
export function keptAliveBy(): string {
  const counts = new Map<string, number>();
  for (const name of process.getActiveResourcesInfo()) counts.set(name, (counts.get(name) ?? 0) + 1);
  for (const name of standardOutputs()) counts.set(name, (counts.get(name) ?? 0) - 1);
  const kept = [...counts].flatMap(([name, count]) => (count > 0 ? [`${count} ${name}`] : []));
  return kept.join(', ') || 'nothing that Node knows of';
}

/**
 * `process.stdout` and `stderr` on a pipe or a terminal are counted, and keep nothing: libuv has no reason to wait for a stream that is
 * only written to (findings/stdout-counts-as-an-active-resource.sh). Whether the program has opened them only the list of handles says,
 * which has no documentation; without it they stay in.
 */
function standardOutputs(): string[] {
  interface Standard {
    readonly fd?: unknown;
    readonly _isStdio?: unknown;
    readonly _handle?: { readonly constructor: { readonly name: string } };
  }
  const { _getActiveHandles: list } = process as { _getActiveHandles?: () => (Standard | null)[] };
  return (list?.call(process) ?? []).flatMap((one) => {
    if (one?._isStdio !== true || (one.fd !== 1 && one.fd !== 2)) return [];
    return NAMES[one._handle?.constructor.name ?? ''] ?? [];
  });
}

/** @param goesOn Whether a fleet runs (again): then the process has a reason to be there. */
export function warnIfKept(log: Log, goesOn: () => boolean): void {
  // Nothing of ours is open any more, and this timer keeps no process alive: it only fires when something of the program does.
  setTimeout(() => {
    if (goesOn()) return;
    log.warn(
      `the fleet stopped ${PATIENCE} ms ago, and this process goes on: it is kept alive by ${keptAliveBy()}, none of which is the fleet's. ` +
        'Close them after prefork() has settled, or call process.exit()',
      { event: 'stop' },
    );
  }, PATIENCE).unref();
}
