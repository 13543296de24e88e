import type { Sharing } from '../../lib/types.js';
import { eachOn } from './skip.js';

/** The ways to share a port that lose nothing. */
export const LOSSLESS = ['shared', 'sharded'] as const satisfies readonly Sharing[];

/** `test.each` over ways to share a port, or over rows with one. */
export function eachSharing<Row extends Sharing | { readonly sharing: Sharing }>(
  rows: readonly Row[],
): ReturnType<typeof eachOn<Row>> {
  const sharingOf = (row: Row): Sharing => (typeof row === 'string' ? row : row.sharing);
  return eachOn(rows, (row) => (sharingOf(row) === 'shared' ? [] : ['sharding']));
}
