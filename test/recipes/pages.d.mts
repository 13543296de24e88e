export function filesOf(page: string): ReadonlyMap<string, string>;
export function replaceIn(
  files: ReadonlyMap<string, string>,
  replacements: Readonly<Record<string, string>>,
): ReadonlyMap<string, string>;
