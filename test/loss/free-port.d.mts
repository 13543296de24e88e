export function freePort(reusePort?: boolean): Promise<number>;
