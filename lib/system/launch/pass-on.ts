/** Output of a worker on its way through the master: whole lines, nothing lost while it is read, nothing broken when it is not. */

import type { Readable } from 'node:stream';
import type { Outlet, Source } from '../../common/outlet.js';

/** A pipe that can stop keeping the event loop alive. */
export type PipedStream = Readable & { unref?(): void };

/** Bytes of a line, its end included, that are never passed on in pieces. */
const LINE_LIMIT = 64 * 1024;
const NEWLINE = 10;

/**
 * @param dropped Hears how many lines were dropped because the reader behind the outlet was too slow.
 * @param shape Makes whole lines of lines, and of what has no end: each piece of a line that is too long becomes a line. Default: what a
 * worker wrote is passed on as it is.
 */
export function passOn(
  stream: PipedStream,
  outlet: Outlet,
  dropped: (lines: number) => void,
  shape = (bytes: Buffer): Buffer => bytes,
): void {
  const source: Source = { pause: () => stream.pause(), resume: () => stream.resume(), dropped };
  /** The beginning of a line. */
  let rest: Buffer[] = [];
  let length = 0;
  const keep = (piece: Buffer): void => {
    rest.push(piece);
    length += piece.length;
  };
  const taken = (...last: Buffer[]): Buffer => {
    const pieces = [...rest, ...last];
    rest = [];
    length = 0;
    return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
  };
  const pass = (bytes: Buffer): void => outlet.pass(source, shape(bytes));
  outlet.join(source);
  stream.on('error', () => {});
  stream.on('data', (chunk: Buffer) => {
    const end = chunk.lastIndexOf(NEWLINE) + 1;
    if (end > 0) pass(taken(chunk.subarray(0, end)));
    if (end === chunk.length) return;
    // A copy: a few bytes would keep the whole chunk.
    keep(Buffer.from(chunk.subarray(end)));
    if (length < LINE_LIMIT) return;
    const piece = taken();
    const whole = wholeCharacters(piece);
    pass(piece.subarray(0, whole));
    if (whole < piece.length) keep(Buffer.from(piece.subarray(whole)));
  });
  stream.once('close', () => {
    // What a worker wrote last often has no end.
    pass(taken());
    outlet.leave(source);
  });
}

/** Bytes without those of a character of UTF-8 whose end is yet to come. */
function wholeCharacters(bytes: Buffer): number {
  for (let back = 1; back <= 3; back++) {
    const byte = bytes.at(-back) ?? 0;
    // The byte that begins a character says how long it is.
    if (byte >= 0xc0) return bytes.length - (back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? back : 0);
    if (byte < 0x80) break;
  }
  return bytes.length;
}
