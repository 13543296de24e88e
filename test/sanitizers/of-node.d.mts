interface Frame {
  readonly module: string;
}

export function isOfNode(report: { readonly text: string; readonly stacks: readonly (readonly Frame[])[] }): boolean;
