interface Named {
  readonly name: string;
}

export function chosen(
  flags: Readonly<Record<string, string | undefined>>,
  all: { readonly fleets: readonly Named[]; readonly cells: readonly Named[] },
): {
  readonly counts?: Readonly<Record<string, number | undefined>>;
  readonly parts?: Readonly<Record<string, readonly Named[]>>;
  readonly refusal?: string;
};
