/** Whether what started this master lets it do its work. The master asks at its start. */

import { readFileSync } from 'node:fs';
import { PreforkError } from '../common/errors.js';

/**
 * PM2 in cluster mode starts the program once for each instance, as a worker of `node:cluster`: each would be a master, and the second one
 * finds the port taken, as does the new one of a `pm2 reload`.
 * @throws PreforkError `ERR_PREFORK_UNSUPPORTED`
 */
export function refuseClusterMode({ pm_id: id, exec_mode: mode }: NodeJS.ProcessEnv): void {
  if (id === undefined || mode !== 'cluster_mode') return;
  throw new PreforkError(
    'ERR_PREFORK_UNSUPPORTED',
    `PM2 runs this program in its cluster mode (pm_id ${id}, exec_mode ${mode}), which would make a master of each instance: ` +
      "set exec_mode: 'fork' and instances: 1 in its configuration (without it: pm2 start without -i), and say how many workers there are by the option workers",
  );
}

/** The name and the parent of a process; `undefined` where there is no proc(5). */
export type Look = (pid: number) => { readonly name: string; readonly parent: number } | undefined;

/** Names of programs, without their folder. */
export const SHELL = /^(?:ba|da|a|k|z|bu)?sh$|^busybox$/;
/** What `npx` and `npm exec` call the script that they run. */
const NPX = 'npx';
/** A package manager, and one init before it. */
const ABOVE_THE_SHELL = 2;

/**
 * A shell that stays in front of the master in a container, or in a service, keeps SIGTERM to itself: the kernel ends the master with it, and
 * no request in flight is answered. A warning, or `undefined`.
 */
export function shellInFront(
  { npm_lifecycle_event: script }: NodeJS.ProcessEnv,
  parent: number,
  look: Look = lookInProc,
): string | undefined {
  const shell = look(parent);
  if (shell === undefined || !SHELL.test(shell.name)) return undefined;
  let pid = parent;
  for (let hops = 0; pid > 1 && hops < (script === undefined ? 0 : ABOVE_THE_SHELL); hops++) {
    pid = look(pid)?.parent ?? 0;
  }
  if (pid !== 1) return undefined;
  const where = script === undefined ? '' : script === NPX ? ' of npx' : ` of the script '${script}'`;
  const wayOut =
    script === NPX
      ? 'start `node node_modules/.bin/prefork …` instead'
      : 'write `exec node …` in it, or start node itself';
  return `the shell${where} (pid ${parent}, ${shell.name}) stays in front of this master and does not pass SIGTERM on, so that a stop of the container or the service kills the fleet: ${wayOut}`;
}

function lookInProc(pid: number): ReturnType<Look> {
  try {
    // proc_pid_stat(5): the name is in parentheses, and may have some itself.
    const [, name, rest] = /^\d+ \((.*)\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
    return name === undefined ? undefined : { name, parent: Number(rest) };
  } catch {
    return undefined;
  }
}
