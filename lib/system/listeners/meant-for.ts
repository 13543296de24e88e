/** LISTEN_FDS that was meant for another process: npm, or a shell that stays in front of node, is what the service manager started. */

import { readFileSync } from 'node:fs';
import { descendsFrom } from '../descent.js';

export interface Missed {
  /** Whose the sockets were, and the way out. */
  readonly words: string;
  /** That process has started this one. Others have left the variables behind. */
  readonly isWrapper: boolean;
  /** The log has it. */
  said: boolean;
}

/** @param addressee `LISTEN_PID`; without a number in it the variables promise nothing. */
export function meantFor(addressee: string | undefined, count: string, pid: number): Missed | undefined {
  if (addressee === undefined || !/^[1-9]\d*$/.test(addressee)) return undefined;
  const name = nameOf(addressee);
  const whom = name === undefined ? addressee : `${addressee} (${name})`;
  const words = `LISTEN_FDS=${count} was meant for pid ${whom}, and this is ${pid}: let the service manager start node itself, without a wrapper like npm or a shell, or write \`exec node\` in it`;
  // PID 1 has started every process.
  const isWrapper = addressee !== '1' && descendsFrom(pid, Number(addressee));
  return { words, isWrapper, said: false };
}

function nameOf(pid: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return undefined;
  }
}
