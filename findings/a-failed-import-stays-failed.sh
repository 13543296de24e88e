#!/bin/sh
# A module that Node 20 could not read for want of a descriptor stays failed: `import()` of it rejects with the same EMFILE for as long as the
# process lives, however many descriptors are free again. `require()` of another file, which failed in the same moment, works at the next call.
# So a server that loads a part of itself at its first use, in the second in which it is out of descriptors, does without that part until it is
# started again. Node 24 and 26 read the file again.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
echo 'export const loaded = true;' >"$folder/late.mjs"
echo 'exports.loaded = true;' >"$folder/late.cjs"
cat >"$folder/server.mjs" <<'JS'
import { closeSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
console.log('Node', process.version);
const held = [];
for (;;) {
  try {
    held.push(openSync('/dev/null', 'r'));
  } catch (error) {
    if (error.code !== 'EMFILE') throw error;
    break;
  }
}
const said = async (load) => {
  try {
    await load();
    return 'works';
  } catch (error) {
    return error.code;
  }
};
const both = async () => [await said(() => import('./late.mjs')), await said(() => require('./late.cjs'))].join(', ');
const short = await both();
for (const fd of held) closeSync(fd);
const after = await both();
console.log(`import() and require() without a descriptor: ${short}; with ${held.length} free again: ${after}`);
process.exit(short === 'EMFILE, EMFILE' && after === 'EMFILE, works' ? 0 : 1);
JS
ulimit -n 64
node "$folder/server.mjs"
