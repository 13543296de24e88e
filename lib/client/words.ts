/** Numbers as people read them. */

/** `5 s`, `3 min`, `2 h 5 min`, `4 d 3 h`. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1_000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** `812 K`, `64.2 M`, `1.3 G`. */
export function bytes(count: number): string {
  const kilo = count / 1_024;
  if (kilo < 1_024) return `${Math.round(kilo)} K`;
  const mega = kilo / 1_024;
  return mega < 1_024 ? `${mega.toFixed(1)} M` : `${(mega / 1_024).toFixed(1)} G`;
}

/** `1 worker`, `2 workers`. */
export function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
