export function shortOf(connections: number, limit: number): string | undefined;

export function raiseLimit(connections: number): number;
