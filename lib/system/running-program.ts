/** The program of this process, as it is now. */

import type { Program } from '../common/program.js';
import { isNamed, logicalCwd } from '../common/program.js';
import { PRELOAD } from '../paths.cjs';
import { givenEnvironment, parseEnvironment } from './environment.js';

/** Called at the start of a fleet: the program may change its directory later. */
export function runningProgram(): Program {
  const given = givenEnvironment();
  return {
    execPath: process.execPath,
    execArgv: process.execArgv,
    argv: process.argv,
    get env() {
      return given === undefined ? process.env : parseEnvironment(given);
    },
    cwd: logicalCwd(process.env, process.cwd()),
    physicalCwd: process.cwd(),
    cwdIsNamed: isNamed(process.env, process.cwd()),
    isSingleExecutable: isSingleExecutable(),
    preload: () => PRELOAD,
  };
}

/** Such an executable has the name that it was called by in the place of a script. Without that Node need not load node:sea. */
function isSingleExecutable(): boolean {
  return process.argv[1] === process.argv0 && process.getBuiltinModule('node:sea').isSea();
}
