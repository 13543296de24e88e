// `npm run test:platforms [-- <name>[:<file>…] …]`: proves the prebuilt package on every platform that this machine can be made to run,
// and checks the binaries of the others. Installs what it needs. `win32:stop/stop` runs one file of test/integration on one platform,
// `win32:22:stop/stop` with one major of Node.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE, ROOT } from '../tools/paths.mjs';
import { node } from './nodes.mjs';
import { Skip } from './skip.mjs';

const NAMES = ['binaries', 'packed', 'linux-arm64', 'linux-musl', 'win32'].filter((name) =>
  existsSync(join(import.meta.dirname, `${name}.mjs`)),
);

const wanted = process.argv.slice(2).map((argument) => {
  const [name, ...files] = argument.split(':');
  return { name, files };
});
const unknown = wanted.filter(({ name }) => !NAMES.includes(name));
if (unknown.length > 0) {
  console.error(`Unknown: ${unknown.map(({ name }) => name).join(', ')}. There are: ${NAMES.join(', ')}`);
  process.exit(1);
}

const rows = [];
for (const { name, files } of wanted.length > 0 ? wanted : NAMES.map((name) => ({ name, files: [] }))) {
  const module = await import(`./${name}.mjs`);
  console.log(`== ${module.title}`);
  rows.push(await result(module, files));
}

console.log('\n| What | Result | Seconds | Seen |\n|---|---|---|---|');
for (const { title, state, seconds, seen } of rows) console.log(`| ${title} | ${state} | ${seconds} | ${seen} |`);
process.exitCode = rows.some(({ state }) => state === 'FAILED') ? 1 : 0;

async function result({ title, run }, files) {
  const started = performance.now();
  const row = (state, seen) => ({ title, state, seconds: Math.round((performance.now() - started) / 1000), seen });
  const context = { root: ROOT, cache: CACHE, nodes: node, log: (text) => console.log(text) };
  try {
    return row('passed', (await run(context, files)) ?? '');
  } catch (error) {
    if (error instanceof Skip) return row('skipped', error.message.split('\n')[0]);
    console.error(error.stack ?? error);
    return row('FAILED', error.message.split('\n')[0]);
  }
}
