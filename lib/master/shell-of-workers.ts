/**
 * Whether a shell stands between the master and the program that is to listen. The master asks when it starts workers that find their listeners
 * by LISTEN_FDS (`readiness: 'spawn'`): they are ready as soon as they are started, so it sees nothing of what follows.
 */

import { basename } from 'node:path';
import { show } from '../common/errors.js';
import type { LaunchSettings } from '../options/settings.js';
import { SHELL } from './supervisors.js';

/** `-c`, also among other flags. */
const CODE = /^-[A-Za-z]*c$/;
const EXEC = /(^|[\s;&|(){}])exec\s/;
/** One command, with variables before it. */
const SIMPLE = /^\s*((?:\w+=[\w./:,-]*\s+)*)([^;&|\n]+)$/;

/** A warning, or `undefined`: sd_listen_fds(3) has a program ignore sockets that are meant for another pid. */
export function shellOfWorkers({ exec = '', args = [] }: Pick<LaunchSettings, 'exec' | 'args'>): string | undefined {
  const name = basename(exec).replace(/\.exe$/i, '');
  const at = args.findIndex((argument) => CODE.test(argument));
  const code = at === -1 ? undefined : args[at + 1];
  if (!SHELL.test(name) || code === undefined || EXEC.test(code)) return undefined;
  const [, variables, command] = SIMPLE.exec(code) ?? [];
  const wayOut =
    command === undefined
      ? "'exec' before the command that serves"
      : `'${variables}exec ${command}', which replaces the shell`;
  return (
    `the option args has ${exec} run ${show(code)}: when the shell stays in front of that program, LISTEN_PID is the pid of the shell, ` +
    `the program serves none of the listeners, and it gets no SIGTERM; write ${wayOut}, or name the program itself in exec`
  );
}
