export function quickStartFiles(
  recipe: {
    readonly quickStart: {
      readonly readme?: string;
      readonly blocks?: Readonly<Record<string, string>>;
      readonly without?: string;
      readonly files?: Readonly<Record<string, string>>;
    };
  },
  place: { readonly folder: string },
): ReadonlyMap<string, string>;
