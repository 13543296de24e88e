/** What becomes of the lines that a worker writes to a pipe of the master, where they are not passed on as they are. Loaded late. */

import { eventOf, type Origin } from './log.js';

/**
 * Makes whole lines of bytes: of lines, and of what is left of a line without its end. It is called with no part of a line that is yet to come,
 * unless that is too long.
 * @param target 1: its stdout, 2: its stderr.
 */
export type Shape = (target: 1 | 2, pid: number) => (bytes: Buffer) => Buffer;

type ShapeOne = (line: Buffer) => Buffer | string;

const [NEWLINE, RETURN, OPENING, CLOSING] = [10, 13, 0x7b, 0x7d] as const;

/** @param prefix See the option `linePrefix`. `undefined`: the lines become JSON. */
export function shapeOfLines(prefix: string | undefined, worker: Omit<Required<Origin>, 'pid'>): Shape {
  return (target, pid) => {
    const one = prefix === undefined ? inJson(target, { ...worker, pid }) : behind(prefix, { ...worker, pid });
    return (bytes) => Buffer.concat(linesOf(bytes).flatMap((line) => [asBuffer(one(line)), Buffer.of(NEWLINE)]));
  };
}

function linesOf(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  let begin = 0;
  for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, begin)) {
    lines.push(bytes.subarray(begin, end));
    begin = end + 1;
  }
  if (begin < bytes.length) lines.push(bytes.subarray(begin));
  return lines;
}

function asBuffer(text: Buffer | string): Buffer {
  return typeof text === 'string' ? Buffer.from(text) : text;
}

function behind(prefix: string, worker: Required<Origin>): ShapeOne {
  const text = prefix.replace(/\{(slot|pid|generation|fleet)\}/g, (_place, name: keyof Origin) => String(worker[name]));
  const bytes = Buffer.from(text);
  return (line) => Buffer.concat([bytes, line]);
}

/** A line that is a JSON object, as pino and its like write them, stays as it is. */
function inJson(target: 1 | 2, worker: Required<Origin>): ShapeOne {
  const [stream, level] = target === 1 ? (['stdout', 'info'] as const) : (['stderr', 'warn'] as const);
  return (line) => {
    const text = (line.at(-1) === RETURN ? line.subarray(0, -1) : line).toString();
    if (isObject(line, text)) return line;
    return JSON.stringify(eventOf(level, text, worker, { event: 'output', worker, stream }));
  };
}

function isObject(line: Buffer, text: string): boolean {
  // Most lines of text are known by their first byte.
  if (line[0] !== OPENING || (line.at(-1) !== CLOSING && line.at(-1) !== RETURN)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
