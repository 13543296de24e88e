/** What `--env-file` put into the environment: a worker of node reads it from the file of its own release, and others get it from there. */

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';

const ENV_FILE = /^--env-file(?:-if-exists)?(?:=(.*))?$/;
/** The environment that the kernel was given, before node read the files. */
const GIVEN = '/proc/self/environ';

/**
 * Variables that a file defined, and their values. Node leaves alone what the environment has already: a worker that inherited them would
 * have those of the release that its master was started from.
 */
export function fromEnvFiles(
  execArgv: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const file of envFiles(execArgv, cwd)) {
    for (const [name, value] of Object.entries(variablesOf(file))) {
      if (value !== undefined && env[name] === value) found.set(name, value);
    }
  }
  if (found.size > 0) for (const name of given()) found.delete(name);
  return found;
}

/** The files, in the order in which node reads them: the last one wins. */
export function envFiles(execArgv: readonly string[], cwd: string): string[] {
  return execArgv.flatMap((flag, i) => {
    const [option, joined] = ENV_FILE.exec(flag) ?? [];
    const file = option === undefined ? undefined : (joined ?? execArgv[i + 1]);
    return file === undefined ? [] : [resolve(cwd, file)];
  });
}

/** What a file that cannot be read defines is nothing: node has said so at the start. */
export function variablesOf(file: string): NodeJS.Dict<string> {
  try {
    return parseEnv(readFileSync(file, 'utf8'));
  } catch {
    return {};
  }
}

function given(): string[] {
  try {
    return readFileSync(GIVEN, 'utf8')
      .split('\0')
      .map((variable) => variable.slice(0, variable.indexOf('=')));
  } catch {
    return [];
  }
}
