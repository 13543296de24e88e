// The files that a page of docs/guide/recipes contains. A fenced block that names a file is that file (```js server.mjs), so that readers
// copy what the tests run.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { ROOT } from '../../scripts/tools/paths.mjs';

/**
 * @param page A path, absolute or from the root of the project: 'docs/guide/production.md'.
 * @returns name of the file → text.
 */
export function filesOf(page) {
  const text = readFileSync(resolve(ROOT, page), 'utf8');
  const blocks = text.matchAll(/^```\w+ ([\w./+-]+)\n([\s\S]*?)^```$/gm);
  return new Map([...blocks].map(([, name, content]) => [name, content]));
}

/**
 * @param files As {@link filesOf} returns them.
 * @param replacements text → what stands for it here: an address, a folder.
 * @throws when a text is in none of the files: then the page and the table of recipes disagree.
 */
export function replaceIn(files, replacements) {
  const result = new Map(files);
  for (const [text, other] of Object.entries(replacements)) {
    const found = [...result].filter(([, content]) => content.includes(text));
    if (found.length === 0) throw new Error(`no file of the page contains ${JSON.stringify(text)}`);
    for (const [name, content] of found) result.set(name, content.replaceAll(text, other));
  }
  return result;
}
