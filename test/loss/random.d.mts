export interface Random {
  between(low: number, high: number): number;
  of<T>(list: readonly T[]): T;
}

export function makeRandom(seed: number): Random;
