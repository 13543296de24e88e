// Reads what the processes of a run have reported: every process writes into a file of its own, so nothing depends on exit codes.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isOfNode, NOTES } from './of-node.mjs';

/** The file that has one byte for every process: runtime/runtime.h. */
const PROCESSES = 'processes';
const RULE = /^={18,}\n/m;
const FRAME = /^ +#\d+ .*\((\S+)\+(0x[0-9a-f]+)\)(?: \(BuildId: \w+\))?\s*$/;

/** How many processes ran under the sanitizer. */
export function processesIn(folder) {
  return statSync(join(folder, PROCESSES)).size;
}

/**
 * @returns `{ ours, ofNode, notes }`: reports as `{ file, text, stacks }`, where a stack is a list of `{ module, offset }`, then how many
 * were left out as Node's own, and how often each note was seen.
 */
export function readReports(folder) {
  const ours = [];
  const notes = {};
  let ofNode = 0;
  for (const file of existsSync(folder) ? readdirSync(folder).sort() : []) {
    if (file === PROCESSES) continue;
    for (const text of split(readFileSync(join(folder, file), 'utf8'))) {
      const note = NOTES.find(({ pattern }) => pattern.test(text));
      const report = { file, text, stacks: stacksOf(text) };
      if (note !== undefined) notes[note.name] = (notes[note.name] ?? 0) + 1;
      else if (isOfNode(report)) ofNode += 1;
      else ours.push(report);
    }
  }
  return { ours, ofNode, notes };
}

/** A report has rules around it, but LSan separates its leaks by empty lines, and some notes stand in lines of their own. */
function* split(text) {
  for (const part of text.split(RULE)) {
    if (part.includes('LeakSanitizer: detected')) {
      yield* part.split(/\n\n+/).filter((leak) => leak.includes(' leak of '));
    } else {
      for (const piece of part.split(
        /^(?===\d+==(?:WARNING|LeakSanitizer|Running thread))|^(?=ThreadSanitizer: )|^(?=.* runtime error: )/m,
      )) {
        if (piece.trim() !== '') yield piece;
      }
    }
  }
}

/** A line that is no frame ends a stack. */
function stacksOf(text) {
  const stacks = [[]];
  for (const line of text.split('\n')) {
    const [, path, offset] = FRAME.exec(line) ?? [];
    if (path !== undefined) stacks.at(-1).push({ path, module: path.replace(/^.*\//, ''), offset });
    else if (stacks.at(-1).length > 0) stacks.push([]);
  }
  return stacks.filter((stack) => stack.length > 0);
}
