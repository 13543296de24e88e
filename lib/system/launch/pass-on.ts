/** Output of a worker on its way through the master: whole lines, nothing lost while it is read, nothing broken when it is not. */

import type { Readable } from 'node:stream';
import type { Outlet, Source } from '../../common/outlet.js';

/** A pipe that can stop keeping the event loop alive. */
export type PipedStream = Readable & { unref?(): void };

/** Bytes of a line, its end included, that are never passed on in pieces. */
const LINE_LIMIT = 64 * 1024;
const NEWLINE = 10;

/** @param dropped Hears how many lines were dropped because the reader behind the outlet had stalled. */
export function passOn(stream: PipedStream, outlet: Outlet, dropped: (lines: number) => void): void {
  const source: Source = { pause: () => stream.pause(), resume: () => stream.resume(), dropped };
  /** The beginning of a line. */
  let rest: Buffer[] = [];
  let length = 0;
  const pass = (...last: Buffer[]): void => {
    const pieces = [...rest, ...last];
    rest = [];
    length = 0;
    outlet.pass(source, pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces));
  };
  outlet.join(source);
  stream.on('error', () => {});
  stream.on('data', (chunk: Buffer) => {
    const end = chunk.lastIndexOf(NEWLINE) + 1;
    if (end > 0) pass(chunk.subarray(0, end));
    if (end === chunk.length) return;
    // A copy: a few bytes would keep the whole chunk.
    rest.push(Buffer.from(chunk.subarray(end)));
    length += chunk.length - end;
    if (length >= LINE_LIMIT) pass();
  });
  stream.once('close', () => {
    // What a worker wrote last often has no end.
    pass();
    outlet.leave(source);
  });
}
