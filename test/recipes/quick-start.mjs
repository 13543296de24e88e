// A quick start: the program of a framework's own documentation, byte for byte, under the command. The text comes out of the README that the
// pinned package carries, or the package's generator writes it, so that this project holds no copy that could differ.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { filesOf } from './pages.mjs';

/** Quick starts have fixed ports: each runs in a network namespace of its own, where every port is free. */
const IN_NAMESPACE = [
  'unshare',
  '--net',
  ...(process.getuid?.() === 0 ? [] : ['--map-root-user']),
  ...['/bin/sh', '-c', 'ip link set lo up && exec "$@"', 'sh'],
];
const PROGRAM = fileURLToPath(new URL('in-namespace.mjs', import.meta.url));

/**
 * @param recipe `quickStart.blocks`: name of the file → a text of the block of the README that becomes this file, the first one that contains it.
 * `quickStart.without`: lines of the block that show a second way to write the first lines, and that a reader leaves out.
 * `quickStart.files`, for a framework that builds the server itself: name of a file of the application → the page of docs/guide that has it.
 * @returns name of the file → text.
 */
export function quickStartFiles({ quickStart: { readme, blocks = {}, without = '', files = {} } }, { folder }) {
  const fromPages = Object.entries(files).map(([name, page]) => [name, filesOf(join('docs/guide', page)).get(name)]);
  const all = readme === undefined ? [] : blocksOf(join(folder, 'node_modules', readme));
  const fromReadme = Object.entries(blocks).map(([name, part]) => {
    const block = all.find((content) => content.includes(part));
    if (block?.includes(without) !== true) {
      throw new Error(`no block of ${readme} contains ${JSON.stringify(part)} and ${JSON.stringify(without)}`);
    }
    return [name, block.replace(without, '')];
  });
  return new Map([...fromPages, ...fromReadme]);
}

function blocksOf(file) {
  return [...readFileSync(file, 'utf8').matchAll(/^```[^\n]*\n([\s\S]*?)^```$/gm)].map(([, content]) => content);
}

/** @returns why this machine cannot run quick starts, or undefined. */
export function lackOfNamespaces() {
  const [unshare, ...words] = IN_NAMESPACE;
  const { status } = spawnSync(unshare, [...words, 'true']);
  return status === 0
    ? undefined
    : 'needs a network namespace of its own: unshare (util-linux), ip (iproute2) and the right to';
}

/** @returns what `examine` returns, and the log. */
export async function examineQuickStart({ recipe, folder, port, env }) {
  const [unshare, ...words] = [...IN_NAMESPACE, process.execPath, PROGRAM];
  const child = spawn(unshare, words, { stdio: ['pipe', 'pipe', 'inherit'], env });
  child.stdin.end(JSON.stringify({ recipe, folder, port, env }));
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part) => {
    text += part;
  });
  const [code] = await once(child, 'close');
  if (code !== 0 || text === '') throw new Error(`the quick start's network namespace ended with code ${code}`);
  const { error, ...result } = JSON.parse(text);
  if (error !== undefined) throw new Error(error);
  return result;
}
