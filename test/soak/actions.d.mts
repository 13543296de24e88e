import type { Random } from '../loss/random.mjs';

export function nextRound(random: Random): { readonly name: string; readonly draw: number; readonly pause: number }[];
