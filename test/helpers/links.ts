/** The links of pages in Markdown. */

import { readFileSync } from 'node:fs';

/** The relative links of a page, code left out. */
export function linksOf(page: string): readonly string[] {
  const text = readFileSync(page, 'utf8').replace(/```[\s\S]*?```/g, '');
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link as string).filter((link) => !/^\w+:/.test(link));
}
