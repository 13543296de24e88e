/** One frame of `prefork top`, as lines that fit the screen. */

import type { AdminStatus } from '../protocol/admin.js';
import { fleetLines } from './fleet-lines.js';
import type { Rates } from './readings.js';

export interface View {
  readonly columns: number;
  readonly rows: number;
  /** Workers that are scrolled away at the top. */
  readonly above: number;
  /** Bold and reverse are allowed. */
  readonly styled: boolean;
  /** In place of the last line, such as that the master does not answer. */
  readonly note?: string | undefined;
}

const KEYS = 'q quits, the arrow keys scroll';
const [BOLD, REVERSE, PLAIN] = ['\x1b[1m', '\x1b[7m', '\x1b[0m'] as const;

export function frame(status: AdminStatus, rates: Rates, now: number, view: View): string[] {
  const { head, titles, workers } = fleetLines(status, now, rates.columns());
  const styled = (style: string, text: string): string => (view.styled ? `${style}${text}${PLAIN}` : text);
  const cut = (text: string): string => text.slice(0, view.columns);
  const top = [
    ...head.map((line, i) => (i === 0 ? styled(BOLD, cut(line)) : cut(line))),
    '',
    styled(REVERSE, cut(titles.padEnd(view.columns))),
  ];
  const room = Math.max(1, view.rows - top.length - 1);
  const above = Math.min(view.above, Math.max(0, workers.length - room));
  const shown = workers.slice(above, above + room);
  const hidden = workers.length - shown.length;
  const last = view.note ?? (hidden > 0 ? `${KEYS}; ${hidden} more` : KEYS);
  return [...top, ...shown.map(cut), ...Array<string>(room - shown.length).fill(''), cut(last)].slice(0, view.rows);
}

/** How far one can scroll. */
export function furthest(status: AdminStatus, rows: number): number {
  return Math.max(0, status.workers.length - Math.max(1, rows - status.addresses.length - 4));
}
