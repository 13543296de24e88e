/** Texts of a master and its workers, for a terminal. A worker writes what it wants, and at a pipe of Windows any process may answer. */

import { stripVTControlCharacters } from 'node:util';

/** Without what could steer the terminal of the person who reads it. */
export function harmless(text: string): string {
  return stripVTControlCharacters(text).replace(/\p{Cc}/gu, (character) =>
    '\n\t'.includes(character) ? character : '',
  );
}

/** The same for a line of a table or a screen. */
export function harmlessLine(text: string): string {
  return harmless(text).replace(/[\n\t]/g, ' ');
}
