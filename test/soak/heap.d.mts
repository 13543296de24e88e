export interface Look {
  readonly recoveries: number;
  readonly heap: number;
}

export function judgeHeap(looks: readonly Look[]): {
  readonly growth: number;
  readonly later: number;
  readonly broken: readonly string[];
};
