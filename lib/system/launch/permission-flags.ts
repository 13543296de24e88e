/**
 * Hands Node's permission model on to workers whose `exec`, `execArgv` or `env` would drop it, in NODE_OPTIONS, as `node:child_process`
 * does. Programs that are not Node.js have no such model.
 */

import { NODE_OPTIONS, optionsOf, wordsOf } from '../../common/node-options.js';
import { isModel, type Variables } from '../../common/node-permission.js';
import type { Program } from '../../common/program.js';

const GRANT = /^--allow-/;
/** These may have their value in the next argument. */
const WITH_VALUE = /^--allow-fs-(read|write)$/;

/**
 * @param variables The worker's environment.
 * @param flags Flags of node on the worker's command line.
 * @returns the same environment unless the model is missing. A model that the options give the worker is left as it is.
 */
export function withPermissionFlags(
  variables: Variables,
  flags: readonly string[],
  { execArgv, env }: Pick<Program, 'execArgv' | 'env'>,
): Variables {
  if (flags.some(isModel)) return variables;
  const ofMaster = [...wordsOf(env[NODE_OPTIONS]), ...execArgv];
  if (!ofMaster.some(isModel) || wordsOf(variables[NODE_OPTIONS]).some(isModel)) return variables;
  const handedOn = ofMaster.filter(
    (flag, i) => isModel(flag) || GRANT.test(flag) || WITH_VALUE.test(ofMaster[i - 1] ?? ''),
  );
  return { ...variables, [NODE_OPTIONS]: `${variables[NODE_OPTIONS] ?? ''} ${optionsOf(handedOn)}`.trim() };
}
