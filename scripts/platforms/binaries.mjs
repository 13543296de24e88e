// Looks at every prebuilt addon, also at those that no machine here can run: its needs, exports, signature and size.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXPORTS } from '../prebuild/compile.mjs';
import { TARGETS } from '../prebuild/targets.mjs';
import { faultsOf } from './examine.mjs';

export const title = 'every binary, not run';

export async function run({ root, log }) {
  const faults = TARGETS.flatMap((target) => {
    const file = join(root, target.file);
    const found = existsSync(file) ? faultsOf(readFileSync(file), target) : ['is missing: npm run prebuild'];
    log(`${found.length === 0 ? 'ok    ' : 'FAILED'} ${target.file}`);
    return found.map((fault) => `${target.file} ${fault}`);
  });
  if (faults.length > 0) throw new Error(faults.join('\n'));
  for (const target of TARGETS) proveAlert(readFileSync(join(root, target.file)), target);
  return `${TARGETS.length} files: libraries, symbols, exports, signature, size`;
}

/** A check that accepts a good file has to refuse a bad one. */
function proveAlert(bytes, target) {
  const renamed = Buffer.from(bytes);
  // Replace the name in every place: it may stand there for debuggers, too.
  for (let at = renamed.indexOf(EXPORTS[0]); at !== -1; at = renamed.indexOf(EXPORTS[0]))
    renamed.write('N', at, 'latin1');
  const patched = Buffer.from(bytes);
  patched[4096] ^= 1;
  const bad = {
    'another name for its entry': faultsOf(renamed, target),
    'another CPU': faultsOf(bytes, { ...target, arch: target.arch === 'x64' ? 'arm64' : 'x64' }),
    'too many bytes': faultsOf(Buffer.concat([bytes, Buffer.alloc(400_000)]), target),
    ...(target.platform === 'darwin' ? { 'a changed page': faultsOf(patched, target) } : {}),
  };
  for (const [damage, found] of Object.entries(bad)) {
    if (found.length === 0) throw new Error(`${target.file} with ${damage} is found good`);
  }
}
