/** Numbers as people write them on a command line. Each returns `undefined` for a text that it cannot read; bounds are checked elsewhere. */

const MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;
const BYTES = { k: 1_024, m: 1_024 ** 2, g: 1_024 ** 3 } as const;

/** Milliseconds of `10s`, `1.5h`, `500ms` or `500`. */
export function duration(text: string): number | undefined {
  const [, number, unit = 'ms'] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/i.exec(text) ?? [];
  return number === undefined ? undefined : Math.round(Number(number) * MS[unit.toLowerCase() as keyof typeof MS]);
}

/** Bytes of `512M`, `1.5G`, `64k` or `1048576`. `MB` and `MiB` are the same as `M`. */
export function size(text: string): number | undefined {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(?:([kmg])(?:i?b)?|b)?$/i.exec(text) ?? [];
  if (number === undefined) return undefined;
  return Math.round(Number(number) * (unit === undefined ? 1 : BYTES[unit.toLowerCase() as keyof typeof BYTES]));
}

/** An integer. */
export function count(text: string): number | undefined {
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

export function orInfinity(read: (text: string) => number | undefined): (text: string) => number | undefined {
  return (text) => (text.toLowerCase() === 'infinity' ? Number.POSITIVE_INFINITY : read(text));
}

/** How many workers `4`, `max` or `50%` are. A share is at least one worker. */
export function workers(text: string, cpus: () => number): number | undefined {
  if (text === 'max') return cpus();
  const [, percent] = /^(\d{1,4}(?:\.\d+)?)%$/.exec(text) ?? [];
  return percent === undefined ? count(text) : Math.max(1, Math.floor((cpus() * Number(percent)) / 100));
}
