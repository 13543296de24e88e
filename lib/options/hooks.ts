/** The hooks of the master, which `Settings` has in one place, and `onMasterDeath`. */

import { invalidOption } from '../common/errors.js';
import type { PreforkOptions } from '../types.js';
import { checkFunction } from './check.js';
import { callable } from './kinds.js';
import type { Option } from './option.js';

export const HOOKS = {
  onChildSpawn: callable(),
  onMasterReady: callable(),
  onChildRecover: callable(),
  onChildExit: callable(),
} satisfies { readonly [Name in keyof PreforkOptions]?: Option<PreforkOptions[Name]> };

export function checkMasterDeath(option: string, value: unknown): PreforkOptions['onMasterDeath'] {
  if (value === false || value === 'kill') return value;
  const allowed = "a function, 'kill' or false";
  if (typeof value === 'string') throw invalidOption(option, value, allowed, { range: true });
  return checkFunction(option, value as () => void, allowed);
}
