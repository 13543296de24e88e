import type { Sharing } from '../../lib/types.js';
import { eachOn } from './skip.js';
import type { Ability } from './target.js';

/** The ways to share a port that lose nothing. */
export const LOSSLESS = ['shared', 'sharded'] as const satisfies readonly Sharing[];

/** `test.each` over ways to share a port, or over rows with one, that need something of the target besides. */
export function eachSharing<Row extends Sharing | { readonly sharing: Sharing }>(
  rows: readonly Row[],
  ...needs: readonly Ability[]
): ReturnType<typeof eachOn<Row>> {
  const sharingOf = (row: Row): Sharing => (typeof row === 'string' ? row : row.sharing);
  return eachOn(rows, (row) => (sharingOf(row) === 'shared' ? needs : [...needs, 'sharding']));
}
