/** Programs of node:cluster whose import was changed to `prefork/cluster`. */

import { type Master, startProgram } from './master.js';
import { inPackage, target } from './target.js';

/** What `clustered.cjs` is to do. */
export interface Clustered {
  readonly workers?: number;
  /** Forks another worker for each that dies. */
  readonly again?: boolean;
  readonly settings?: object;
  readonly listens?: readonly object[];
  readonly udp?: boolean;
  /** Milliseconds after which those listen that are forked later. */
  readonly boots?: number;
}

export function startClustered(clustered: Clustered = {}): Master {
  return startClusterProgram('clustered.cjs', JSON.stringify(clustered));
}

/** @param program A file of `test/fixtures/`. */
export function startClusterProgram(program: string, ...args: readonly string[]): Master {
  return startProgram(target.node, { args: [inPackage(`test/fixtures/${program}`), ...args] });
}

/** @returns the port on which so many workers listen. */
export async function clusterPort(master: Master, workers = 2): Promise<number> {
  const { address } = await master.event('listening', { nth: workers });
  return address.port;
}
