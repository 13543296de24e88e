/** The variable NODE_OPTIONS, in words: what the launch of a worker reads in it, and adds to it. */

export const NODE_OPTIONS = 'NODE_OPTIONS';

/** As Node splits them: at spaces, but not inside of double quotes, where a backslash makes the next character an ordinary one. */
export function wordsOf(options = ''): string[] {
  const words: string[] = [];
  for (const [word] of options.matchAll(/(?:"(?:\\.|[^"\\])*"|[^ "])+/gs)) {
    words.push(word.replace(/"((?:\\.|[^"\\])*)"/gs, (_, inner: string) => inner.replace(/\\(.)/gs, '$1')));
  }
  return words;
}

/** The value of NODE_OPTIONS that Node splits into these words. */
export function optionsOf(words: readonly string[]): string {
  return words.map((word) => (/[ "\\]/.test(word) ? `"${word.replace(/["\\]/g, '\\$&')}"` : word)).join(' ');
}
