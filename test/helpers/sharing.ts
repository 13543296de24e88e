import type { Sharing } from '../../lib/types.js';

/** The ways to share a port that lose nothing. */
export const LOSSLESS = ['shared', 'sharded'] as const satisfies readonly Sharing[];
