export interface Row {
  readonly scenario: string;
  readonly fleet: string;
  readonly done: number;
  readonly count: number;
  readonly verdict: '' | 'ok' | 'LOST' | 'FAILED';
  readonly failures: readonly string[];
  readonly notes?: readonly string[];
}

export function verdictOn(run: {
  readonly rows: readonly Row[];
  readonly leftOut: readonly string[];
  readonly broken?: string;
  readonly mayLeaveOut: boolean;
}): { readonly remarks: readonly string[]; readonly failures: readonly string[] };
