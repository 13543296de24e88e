/** The log as lines of JSON on stderr. Loaded late. */

import type { FleetEvent, LogFields } from '../fleet-event.js';
import { outlet } from './outlet.js';

const STDERR = 2;

/**
 * Bytes of a line of JSON, its end included. Several processes write to one pipe, and the kernel takes so much whole or not at all (PIPE_BUF of
 * Linux); more of it could be torn while the pipe is full.
 */
const LINE_LIMIT = 4_096;

export function writeJson(event: FleetEvent): void {
  outlet(STDERR).log(jsonLine(event), (msg) => jsonLine({ ...originOf(event), event: 'warning', msg }));
}

/** What a line has that the process itself logs, about nothing but itself. */
function originOf({ fleet, role }: FleetEvent): Omit<FleetEvent, 'event' | 'msg'> {
  return { time: new Date().toISOString(), level: 'warn', fleet, role, pid: process.pid };
}

/** Of at most {@link LINE_LIMIT} bytes: the end of a text that is too long is left out. */
function jsonLine(event: FleetEvent): string {
  let fields = event as FleetEvent & LogFields;
  let line = JSON.stringify(fields);
  const texts = (['msg', 'reason', 'addresses'] as const).map((name) => ({ name, text: String(fields[name] ?? '') }));
  for (const { name, text } of texts.sort((a, b) => b.text.length - a.text.length)) {
    const over = Buffer.byteLength(line) + 1 - LINE_LIMIT;
    if (over <= 0) break;
    // A character has a byte or more, and the sign three.
    fields = { ...fields, [name]: `${text.slice(0, Math.max(0, text.length - over - 3))}…` };
    line = JSON.stringify(fields);
  }
  return line;
}
