/** What keys of a terminal in raw mode are for `prefork top`. */

export type Action = 'quit' | 'suspend' | { readonly lines: number } | { readonly pages: number };

const ESCAPE = '\u001b';
const CTRL_C = '\u0003';
const CTRL_Z = '\u001a';

/** Cursor keys come in two forms: terminfo's normal and application mode. */
const KEYS: readonly (readonly [string, Action])[] = [
  ['q', 'quit'],
  ['Q', 'quit'],
  [CTRL_C, 'quit'],
  [CTRL_Z, 'suspend'],
  ['k', { lines: -1 }],
  ['j', { lines: 1 }],
  [`${ESCAPE}[A`, { lines: -1 }],
  [`${ESCAPE}OA`, { lines: -1 }],
  [`${ESCAPE}[B`, { lines: 1 }],
  [`${ESCAPE}OB`, { lines: 1 }],
  [`${ESCAPE}[5~`, { pages: -1 }],
  [`${ESCAPE}[6~`, { pages: 1 }],
];

/** The rest of an escape sequence of a key that means nothing here (ECMA-48, 5.4). */
const SEQUENCE = new RegExp(`^${ESCAPE}(\\[[0-9;?]*[ -/]*[@-~]|O.)`);

/** Several keys may come in one piece. */
export function actionsOf(text: string): Action[] {
  const actions: Action[] = [];
  for (let rest = text; rest !== ''; ) {
    const [keys, action] = KEYS.find(([begin]) => rest.startsWith(begin)) ?? [];
    if (action !== undefined) actions.push(action);
    rest = rest.slice((keys ?? SEQUENCE.exec(rest)?.[0] ?? rest[0])?.length);
  }
  return actions;
}
