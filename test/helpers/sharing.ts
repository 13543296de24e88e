import type { Sharing } from '../../lib/types.js';
import { eachOn } from './skip.js';
import type { Ability } from './target.js';

/** The ways to share a port that lose nothing. */
export const LOSSLESS = ['shared', 'sharded'] as const satisfies readonly Sharing[];

/** `test.each` over ways to share a port, or over rows with one; all of them, or a row, may need something of the target besides. */
export function eachSharing<Row extends Sharing | { readonly sharing: Sharing; readonly needs?: readonly Ability[] }>(
  rows: readonly Row[],
  ...needs: readonly Ability[]
): ReturnType<typeof eachOn<Row>> {
  return eachOn(rows, (row) => {
    const { sharing, needs: own = [] } = typeof row === 'string' ? { sharing: row } : row;
    return [...needs, ...own, ...(sharing === 'shared' ? [] : (['sharding'] as const))];
  });
}
