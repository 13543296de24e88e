// The numbers of docs/internals/conformance.md, there and in the titles of tests.

/** `- **C7b** text`, `- **L1** *(later)* text`, and `(see **C7d**)` for a number that another one proves. */
export function readNumbers(markdown) {
  const found = new Map();
  for (const [, id, later, text] of markdown.matchAll(/^ *- \*\*([A-Z]\d+[a-z]?)\*\*( \*\(later\)\*)? (.*)$/gm)) {
    const alias = /\(see \*\*([A-Z]\d+[a-z]?)\*\*\)/.exec(text)?.[1];
    found.set(id, { id, later: later !== undefined, unit: text.includes('*unit*'), alias, parts: [] });
  }
  for (const { id } of found.values()) found.get(/^(.\d+)[a-z]$/.exec(id)?.[1])?.parts.push(id);
  return found;
}

/** The numbers at the start of a title, or of the title of a `describe` around it: `C5 …`, `C5, C21 …`. */
export function claimedBy(titles) {
  return titles.flatMap((title) => {
    const list = /^(?:[A-Z]\d+[a-z]?(?:, (?=[A-Z]\d))?)+(?=[\s:]|$)/.exec(title)?.[0] ?? '';
    return list === '' ? [] : list.split(', ');
  });
}
