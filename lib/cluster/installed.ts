/** On the module object of `node:cluster`: `prefork/cluster` has replaced its `fork()`. Every copy of the package in this process finds it. */

import type { Cluster } from 'node:cluster';

export const INSTALLED = Symbol.for('prefork.cluster.1');

/** What was there before. */
export type Installed = Pick<Cluster, 'fork'>;
