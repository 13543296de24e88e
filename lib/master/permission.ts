/** What Node must let a master do when it runs with its permission model. Loaded only there. */

import { resolve } from 'node:path';
import { doorPath, surroundings } from '../common/admin-place.js';
import { PreforkError } from '../common/errors.js';
import { NODE_OPTIONS, wordsOf } from '../common/node-options.js';
import { flagsForFolder, isModel, needsFlags, type Permission } from '../common/node-permission.js';
import type { Program } from '../common/program.js';
import type { Settings } from '../options/settings.js';

/** `--experimental-config-file=x`, `--experimental-default-config-file`. NODE_OPTIONS takes none of them. */
const CONFIG_FILE = /^--(experimental-)?(default-)?config-file(=|$)/;

/**
 * Asks once, before anything is bound or made: the addon starts processes and makes files without Node's permission, and Node would
 * refuse the rest in the middle of the start.
 * @param socketsCome The service manager passes sockets: which files of unix sockets are to be made is not known yet.
 * @param known The flags that this version of node has.
 * @throws PreforkError `ERR_PREFORK_UNSUPPORTED`, naming every flag that is missing.
 */
export function checkPermission(
  { listen, tls, launch, pidFile, admin, name }: Settings,
  permission: Permission,
  program: Pick<Program, 'execArgv' | 'env' | 'physicalCwd'>,
  socketsCome = process.env['LISTEN_FDS'] !== undefined,
  known: Pick<ReadonlySet<string>, 'has'> = process.allowedNodeEnvironmentFlags,
): void {
  const missing: string[] = [];
  const reasons: string[] = [];
  const need = (flags: readonly string[], reason: string): void => {
    if (flags.length === 0) return;
    missing.push(...flags.filter((flag) => !missing.includes(flag)));
    reasons.push(reason);
  };
  const unless = (scope: string, flag: string, reason: string): void => {
    if (known.has(flag) && !permission.has(scope)) need([flag], reason);
  };
  unless('child', '--allow-child-process', 'the master starts workers');
  // Since Node 25.
  unless('net', '--allow-net', 'master and workers use sockets');
  for (const plan of listen) {
    if (plan.kind === 'unix' && !socketsCome) {
      need(flagsForFolder(plan.path, permission), `the master makes the unix socket ${plan.path}`);
    }
  }
  if (pidFile !== undefined) {
    const path = resolve(program.physicalCwd, pidFile);
    need(flagsForFolder(path, permission), `the master makes the pid file ${path}`);
  }
  if (admin !== undefined && process.platform !== 'win32') {
    const path = admin === true ? doorPath(name, surroundings()) : resolve(program.physicalCwd, admin);
    need(flagsForFolder(path, permission), `the master makes the admin door ${path}`);
  }
  for (const file of [tls?.keyFile, tls?.certFile]) {
    if (file !== undefined && !permission.has('fs.read', file)) {
      need([`--allow-fs-read=${file}`], `the master reads ${file}`);
    }
  }
  if (missing.length > 0) throw needsFlags(missing, reasons.join(', '));
  refuseToDrop(launch.execArgv, program);
}

/** What a file configures can be handed on to workers by its flag alone. */
function refuseToDrop(execArgv: readonly string[] | undefined, program: Pick<Program, 'execArgv' | 'env'>): void {
  if (execArgv === undefined || execArgv.some((flag) => isModel(flag) || CONFIG_FILE.test(flag))) return;
  const file = program.execArgv.find((flag) => CONFIG_FILE.test(flag));
  if (file === undefined || [...program.execArgv, ...wordsOf(program.env[NODE_OPTIONS])].some(isModel)) return;
  throw new PreforkError(
    'ERR_PREFORK_UNSUPPORTED',
    `option 'execArgv' would start workers without the permission model that node has from its configuration file: add ${file} or --permission`,
  );
}
