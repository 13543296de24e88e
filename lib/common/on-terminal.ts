/** Lines of the log as a terminal shows them, where people read them: with the time, and the level in colour. */

import { fstatSync } from 'node:fs';

export type Dress = (level: 'info' | 'warn' | 'error', line: string) => string;

/** Colours of ECMA-48: yellow and red. */
const COLOURS = { warn: 33, error: 31 } as const;

/** How lines look on this descriptor: as they are, unless it is a terminal. */
export function dressFor(fd: number, env: NodeJS.ProcessEnv = process.env): Dress {
  if (!mayBeTerminal(fd)) return (_level, line) => line;
  // Not imported: a master in a pipe does without.
  const { isatty, WriteStream } = process.getBuiltinModule('node:tty');
  if (!isatty(fd)) return (_level, line) => line;
  // NO_COLOR, FORCE_COLOR, TERM and more, as Node's console takes them. It looks at no stream, and making one would change the terminal.
  const inColour = WriteStream.prototype.hasColors(env);
  return (level, line) => `${time(new Date())} ${level === 'info' ? '' : `${word(level, inColour)} `}${line}`;
}

/** A pipe, a file or a socket is no terminal. Windows does not say what a console is. */
function mayBeTerminal(fd: number): boolean {
  try {
    return process.platform === 'win32' || fstatSync(fd).isCharacterDevice();
  } catch {
    return false;
  }
}

function word(level: keyof typeof COLOURS, inColour: boolean): string {
  return inColour ? `\x1b[${COLOURS[level]}m${level}\x1b[39m` : level;
}

/** `16:05:09.042`, local. */
function time(now: Date): string {
  return `${now.toTimeString().slice(0, 8)}.${String(now.getMilliseconds()).padStart(3, '0')}`;
}
