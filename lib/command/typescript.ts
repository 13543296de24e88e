/** Whether a file of TypeScript can be run: by Node itself, or by a loader that its flags name. */

import { NODE_OPTIONS, wordsOf } from '../common/node-options.js';

/** Flags with which a loader comes, or Node's own support where it is not on by itself. */
const FLAG = /^(--import|--require|-r|--loader|--experimental-loader|--experimental-(strip|transform)-types)(=|$)/;

/** @param flags Of node, in addition to those that this process runs with. */
export function loadsTypeScript(flags: readonly string[] = []): boolean {
  // Undefined before Node 22.10.
  const { typescript = false } = process.features as { readonly typescript?: string | false };
  if (typescript !== false) return true;
  return [...process.execArgv, ...wordsOf(process.env[NODE_OPTIONS]), ...flags].some((flag) => FLAG.test(flag));
}
