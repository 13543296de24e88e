/** In the place of lib/addon/addon.ts, which loads a compiled neighbour: vitest runs the sources themselves. */
export { native } from '../../lib/addon/binding.cjs';
