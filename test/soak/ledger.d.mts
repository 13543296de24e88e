export interface Lost {
  readonly kind: 'reset' | 'refused' | 'other';
  readonly port: number | undefined;
  readonly began: number;
  readonly ended: number;
}

export interface Death {
  readonly at: number;
  readonly ports: ReadonlySet<number>;
  readonly cause: string;
}

export interface Ledger {
  readonly deaths: readonly Death[];
  readonly recoveries: readonly number[];
  readonly blocked: Set<number>;
  readonly strange: readonly string[];
  readonly shortages: readonly number[];
  readonly recycled: number;
  readonly causes: Readonly<Record<string, number>>;
  mark(pid: number, cause: string): void;
  hear(line: string): void;
}

export function makeLedger(tallies: { portsAt(pid: number): ReadonlySet<number>; forget(pid: number): void }): Ledger;

export function explain(
  lost: readonly Lost[],
  deaths: readonly Death[],
  shortages: readonly number[],
): { readonly causes: Readonly<Record<string, number>>; readonly unexplained: readonly Lost[] };
